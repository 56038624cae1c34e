"""The quadlet keys that chainsaw writes: since which Podman, whether repeatable, and how a value is encoded.

Sources: podman-systemd.unit(5) and the supported-key tables of Podman's pkg/systemd/quadlet from 4.4 to 6.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["setting", "literal", "plain", "word", "words", "command"]
"""setting: left to systemd, only % is doubled. literal: the same, where systemd expands no specifiers. plain: one
argument of podman, taken as it is by quadlet. word: one argument that quadlet unquotes. words: several arguments, a
JSON list. command: a JSON list handed on as one argument.
"""

Version = tuple[int, int]


@dataclass(frozen=True)
class Key:
    """One key of a section."""

    since: Version = (4, 4)
    repeatable: bool = False
    encoding: Encoding = "plain"


_MANY = Key(repeatable=True)

CONTAINER = {
    "AddCapability": _MANY,
    "Annotation": Key(repeatable=True, encoding="word"),
    "ContainerName": Key(),
    "DropCapability": _MANY,
    "Entrypoint": Key((5, 0)),
    "Environment": Key(repeatable=True, encoding="word"),
    "Exec": Key(encoding="words"),
    "GIDMap": Key((4, 8), repeatable=True),
    "GlobalArgs": Key((4, 8), repeatable=True, encoding="words"),
    "Group": Key(),
    "HealthCmd": Key((4, 5), encoding="command"),
    "HealthInterval": Key((4, 5)),
    "HealthOnFailure": Key((4, 5)),
    "HealthRetries": Key((4, 5)),
    "HealthStartupCmd": Key((4, 5), encoding="command"),
    "HealthStartupInterval": Key((4, 5)),
    "HealthTimeout": Key((4, 5)),
    "HealthLogDestination": Key((5, 3)),
    "HostName": Key((4, 6)),
    "Image": Key(),
    "Label": Key(repeatable=True, encoding="word"),
    "LogDriver": Key((4, 5)),
    "LogOpt": Key((5, 2), repeatable=True),
    "Network": _MANY,
    "NoNewPrivileges": Key(),
    "Notify": Key(),
    "PodmanArgs": Key(repeatable=True, encoding="words"),
    "Pull": Key((4, 6)),
    "ReadOnly": Key(),
    "StopSignal": Key((5, 2)),
    "StopTimeout": Key((5, 0)),
    "Sysctl": Key((4, 6), repeatable=True),
    "Tmpfs": Key((4, 5), repeatable=True),
    "UIDMap": Key((4, 8), repeatable=True),
    "Ulimit": Key((4, 7), repeatable=True),
    "User": Key(),
    "UserNS": Key((4, 5)),
    "Volume": _MANY,
}

NETWORK = {
    "DisableDNS": Key(),
    "Internal": Key(),
    "IPv6": Key(),
    "Label": Key(repeatable=True, encoding="word"),
    "NetworkName": Key((4, 7)),
    "Options": _MANY,
}

QUADLET = {"DefaultDependencies": Key((5, 3))}

_SETTING = Key((0, 0), repeatable=True, encoding="setting")
_EXEC = Key((0, 0), repeatable=True, encoding="words")

SYSTEMD = {
    "Unit": dict.fromkeys(
        (
            "After",
            "Before",
            "BindsTo",
            "Description",
            "Documentation",
            "OnFailure",
            "PartOf",
            "Requires",
            "Requisite",
            "SourcePath",
            "StartLimitBurst",
            "StartLimitIntervalSec",
            "StopWhenUnneeded",
            "Wants",
        ),
        _SETTING,
    ),
    "Service": {
        **dict.fromkeys(
            (
                "CPUWeight",
                "IOWeight",
                "KillMode",
                "LogLevelMax",
                "MemoryHigh",
                "MemoryMax",
                "MemorySwapMax",
                "NoNewPrivileges",
                "NonBlocking",
                "OOMPolicy",
                "RemainAfterExit",
                "Restart",
                "RestartMaxDelaySec",
                "RestartMode",
                "RestartSec",
                "RestartSteps",
                "Slice",
                "StandardError",
                "StandardOutput",
                "SuccessExitStatus",
                "SyslogIdentifier",
                "TasksMax",
                "TimeoutStartSec",
                "TimeoutStopSec",
                "Type",
            ),
            _SETTING,
        ),
        **dict.fromkeys(
            ("ExecStart", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"), _EXEC
        ),
        "Environment": Key((0, 0), repeatable=True, encoding="word"),
    },
    "Socket": {
        **dict.fromkeys(
            (
                "Backlog",
                "BindIPv6Only",
                "DirectoryMode",
                "FileDescriptorName",
                "ListenDatagram",
                "ListenStream",
                "PassCredentials",
                "PollLimitBurst",
                "PollLimitIntervalSec",
                "RemoveOnStop",
                "Service",
                "SocketMode",
                "TriggerLimitBurst",
                "TriggerLimitIntervalSec",
            ),
            _SETTING,
        ),
        "ExecStopPost": _EXEC,
    },
    "Timer": dict.fromkeys(
        ("OnActiveSec", "OnCalendar", "Persistent", "FixedRandomDelay", "RandomizedDelaySec", "Unit", "AccuracySec"),
        _SETTING,
    ),
    "Slice": {**dict.fromkeys(("CPUWeight", "IOWeight"), _SETTING), "MemoryMax": Key((0, 0), encoding="literal")},
    "Install": dict.fromkeys(("WantedBy",), _SETTING),
}

_BY_SUFFIX = {
    "container": {"Container": CONTAINER, "Quadlet": QUADLET},
    "network": {"Network": NETWORK, "Quadlet": QUADLET},
}


def find(filename: str, section: str, key: str) -> Key | None:
    """Return what is known of a key in a section of a file of this name, or None."""
    tables = {**SYSTEMD, **_BY_SUFFIX.get(filename.rsplit(".", 1)[-1], {})}
    return tables.get(section, {}).get(key)


def keys_of(filename: str, section: str) -> list[str]:
    """Return the keys known in a section of a file of this name."""
    tables = {**SYSTEMD, **_BY_SUFFIX.get(filename.rsplit(".", 1)[-1], {})}
    return list(tables.get(section, {}))
