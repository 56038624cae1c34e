"""Passes on to journald what containers log, and bounds each of them, so that none keeps out what others log.

journald(8) bounds what a service logs, but takes all services of a user for one: a container that logs too much would
end the log of all. Its limit for this user is therefore lifted by `chainsaw setup`, and each source has its own here:
each container, what the front logs of each site's visitors, and each command that a timer runs.

conmon(8) of each container writes to journald's socket; in Podman's mount namespace the socket of this program is
mounted over it. systemd holds that socket, so nothing is lost while this starts again.

Sources: systemd.io/JOURNAL_NATIVE_PROTOCOL, unix(7), sd_listen_fds(3), sd_notify(3).
"""

import contextlib
import os
import select
import socket
import sys
import time

JOURNALD = "/run/systemd/journal/socket"
RUNTIME = os.environ["XDG_RUNTIME_DIR"]
FRONT = b"chainsaw-front"
SITES = f"{os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}/nginx/locations"
"""Where each site has a file with its name."""
BURST, PER_SECOND = 4_000_000, 2_000
"""Bytes of the journal that a source may fill at once, and then each second: at most 173 MB a day."""
ENTRY = 500
"""Bytes that an entry takes in the journal beside its message."""
LONGEST = 1 << 18
ROUND = 256
"""Entries of containers that are passed on before the next look at commands."""
SECONDS = 30
"""How often what was left out is said, and the mount looked at."""


class Source:
    """What one source may still log, how many lines were left out, and the fields that say whose they are."""

    def __init__(self) -> None:
        """Begin with all that may be logged at once."""
        self.budget, self.at, self.left_out, self.since = float(BURST), time.monotonic(), 0, 0.0
        self.name, self.unit, self.pid, self.site = b"", b"", 0, b""

    def takes(self, size: int) -> bool:
        """Return whether the source may log so many bytes now."""
        now = time.monotonic()
        self.budget = min(BURST, self.budget + (now - self.at) * PER_SECOND)
        self.at = now
        if self.budget < size + ENTRY:
            self.since = self.since if self.left_out else now
            self.left_out += 1
            return False
        self.budget -= size + ENTRY
        return True


class Relay:
    """The sockets, and what is known of each source."""

    def __init__(self, entries: int = 3, lines: int = 4) -> None:
        """Take the two sockets that systemd holds."""
        self.sources: dict[bytes, Source] = {}
        self.entries, self.listener = socket.socket(fileno=entries), socket.socket(fileno=lines)
        self.path = self.entries.getsockname()
        self.journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.commands: dict[int, tuple[socket.socket, Source, bytes]] = {}
        self.poll = select.poll()
        for each in (self.entries, self.listener):
            each.setblocking(False)
            self.poll.register(each, select.POLLIN)

    def send(self, entry: bytes, descriptor: int = -1) -> None:
        """Hand an entry to journald; what it does not take is lost, as it is without this program."""
        passed = [descriptor.to_bytes(4, sys.byteorder)] if descriptor >= 0 else []
        with_it = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, one) for one in passed]
        try:
            self.journald.sendmsg([entry], with_it, 0, JOURNALD)
        except OSError:
            return

    def pass_entry(self) -> None:
        """Pass on one entry of a container, with the unit in which its conmon runs."""
        space = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(4)
        data, about, flags, _ = self.entries.recvmsg(LONGEST, space, socket.MSG_CMSG_CLOEXEC)
        pid, descriptor = 0, -1
        for _, kind, value in about:
            if kind == socket.SCM_CREDENTIALS:
                pid = int.from_bytes(value[:4], sys.byteorder)
            elif kind == socket.SCM_RIGHTS:
                descriptor = int.from_bytes(value[:4], sys.byteorder)
        try:
            # What is longer than a datagram comes as a file (sd_journal_sendv(3)).
            data = os.pread(descriptor, LONGEST, 0) if descriptor >= 0 else data
            fields = fields_of(data)
            source = self.source(fields, pid)
            if not source.takes(len(data)) or flags & socket.MSG_TRUNC:
                return
            unit = b"USER_UNIT=" + source.unit + b"\n" if source.unit else b""
            self.send(b"" if descriptor >= 0 else data + unit, descriptor)
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def source(self, fields: dict[bytes, bytes], pid: int) -> Source:
        """Return the source of a container's entry; each site of the front is a source of its own."""
        name, site = fields.get(b"CONTAINER_NAME", b""), b""
        # On stdout is the front's access log alone, and the name of the site comes first.
        if name == FRONT and fields.get(b"PRIORITY") == b"6":
            site = fields.get(b"MESSAGE", b"").partition(b" ")[0]
        if site and name + b" " + site not in self.sources and not is_site(site):
            site = b""
        source = self.sources.setdefault(name + b" " + site, Source())
        source.name, source.site = name, site
        if source.pid != pid:
            source.pid, source.unit = pid, unit_of(pid) or source.unit
        return source

    def accept(self) -> None:
        """Take the output of a command that a timer runs."""
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        unit = unit_of(int.from_bytes(credentials[:4], sys.byteorder))
        source = self.sources.setdefault(b"unit " + unit, Source())
        source.unit = unit
        self.commands[connection.fileno()] = (connection, source, b"")
        self.poll.register(connection, select.POLLIN)

    def pass_lines(self, descriptor: int) -> None:
        """Pass on what a command printed, a line as an entry."""
        connection, source, before = self.commands[descriptor]
        try:
            got = connection.recv(8192)
        except OSError:
            got = b""
        *lines, rest = (before + got).split(b"\n")
        if not got or len(rest) > 8192:
            lines, rest = [*lines, rest], b""
        for line in lines:
            if line and source.takes(len(line)):
                self.send(entry_of(*with_priority(line), source))
        self.commands[descriptor] = (connection, source, rest)
        if not got:
            self.poll.unregister(connection)
            del self.commands[descriptor]
            connection.close()

    def say_what_was_left_out(self) -> None:
        """Log how much of each source was left out since the last time, and forget sources that are quiet."""
        now, held = time.monotonic(), {id(source) for _, source, _ in self.commands.values()}
        for key, source in list(self.sources.items()):
            if source.left_out:
                text = f"{source.left_out} lines were left out in {now - source.since:.0f} seconds: too many".encode()
                self.send(entry_of(b"6", source.site + b" " + text if source.site else text, source))
                source.left_out = 0
            elif now - source.at > BURST / PER_SECOND and id(source) not in held:
                del self.sources[key]

    def serve(self) -> None:
        """Pass on entries and lines, and mount the socket again where Podman's mount namespace is a new one."""
        due = time.monotonic() + SECONDS
        while True:
            for descriptor, _ in self.poll.poll(max(0, due - time.monotonic()) * 1000):
                try:
                    self.pass_one(descriptor)
                except (OSError, ValueError, IndexError) as error:
                    # One strange entry does not end the log of all.
                    print(f"left out: {error!r}", file=sys.stderr)
            if time.monotonic() >= due:
                self.say_what_was_left_out()
                if is_mounted(self.path) is False:
                    in_podmans_namespace("mount", "--bind", self.path, JOURNALD)
                due = time.monotonic() + SECONDS

    def pass_one(self, descriptor: int) -> None:
        """Pass on what came at a socket."""
        if descriptor == self.entries.fileno():
            with contextlib.suppress(BlockingIOError):
                # One command that floods does not keep the entries of all containers waiting.
                for _ in range(ROUND):
                    self.pass_entry()
        elif descriptor == self.listener.fileno():
            self.accept()
        else:
            self.pass_lines(descriptor)


def fields_of(entry: bytes) -> dict[bytes, bytes]:
    """Return the fields of an entry; a value may have any byte, so a line that looks like a field may be none."""
    fields: dict[bytes, bytes] = {}
    at = 0
    while (end := entry.find(b"\n", at)) >= 0:
        name, equals, value = entry[at:end].partition(b"=")
        at = end + 1
        if not equals:
            size = int.from_bytes(entry[at : at + 8], "little")
            value, at = entry[at + 8 : at + 8 + size], at + size + 9
        fields.setdefault(name, value)
    return fields


def with_priority(line: bytes) -> tuple[bytes, bytes]:
    """Return the priority that a line begins with, or that of information, and the rest of the line (sd-daemon(3))."""
    number, closed, text = line.partition(b">")
    if closed and len(number) < 5 and number[:1] == b"<" and number[1:].isdigit():
        return b"%d" % (int(number[1:]) & 7), text
    return b"6", line


def entry_of(priority: bytes, text: bytes, source: Source) -> bytes:
    """Return an entry with a line of a source."""
    fields = {b"PRIORITY": priority, b"USER_UNIT": source.unit, b"CONTAINER_NAME": source.name}
    fields[b"SYSLOG_IDENTIFIER"] = source.name or source.unit.partition(b".service")[0]
    short = b"".join(key + b"=" + value + b"\n" for key, value in fields.items() if value)
    return b"MESSAGE\n" + len(text).to_bytes(8, "little") + text + b"\n" + short


def is_site(word: bytes) -> bool:
    """Return whether a word is the name of a site; a visitor must not make up sources."""
    return word.replace(b"-", b"").isalnum() and os.path.exists(f"{SITES}/{word.decode()[:40]}.conf")


def unit_of(pid: int) -> bytes:
    """Return the service in whose control group a process is; nothing when it has ended."""
    try:
        with open(f"/proc/{pid}/cgroup", "rb") as file:
            parts = file.read().strip().split(b"/")
    except OSError:
        return b""
    return next((part for part in reversed(parts) if part.endswith(b".service")), b"")


def is_mounted(socket_of_entries: str) -> bool | None:
    """Return whether containers log to this; None where Podman has no namespace, and so no containers.

    The socket may be deleted from its directory; what is mounted stays until systemd makes a new one.
    """
    if not os.path.exists(socket_of_entries):
        return True
    try:
        with open(f"{RUNTIME}/libpod/tmp/pause.pid") as file:
            there = os.stat(f"/proc/{file.read().strip()}/root{JOURNALD}")
    except OSError:
        return None
    return os.path.samestat(there, os.stat(socket_of_entries))


def in_podmans_namespace(*command: str) -> int:
    """Run a command where Podman's mounts are; return its exit code."""
    argv = ["/usr/bin/podman", "--events-backend=none", "unshare", *command]
    return os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(argv[0], argv, os.environ), 0)[1])


def main() -> None:
    """Mount the socket where containers log to, and pass on what comes."""
    relay = Relay()
    if not is_mounted(relay.path) and in_podmans_namespace("mount", "--bind", relay.path, JOURNALD):
        sys.exit("containers reach journald directly")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
    relay.serve()


if __name__ == "__main__":
    main()
