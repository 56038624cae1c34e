"""The verbs with which an admin is told of what changes."""

from __future__ import annotations

from chainsaw.cli.verb import Verb, group

NOTIFY = group("notify", "Test how you are told what changes, and list what was told.").holding(
    Verb("test", "notify:test_command", "Send a test message in each way that site.yaml names.").standing_for(
        "printf 'Subject: a test\\n\\n' | msmtp --host=SERVER ADDRESS",
        "curl --json @FILE URL",
        "echo 'a test' | COMMAND",
    ),
    Verb("list", "notify:list_command", "List what needs attention, and when you were told of it.").standing_for(
        "less {STATE}/notified.json",
    ),
    Verb("summary", "notify:summary_command", "Print how the site does, as the weekly message has it.").standing_for(
        "chainsaw list; chainsaw cert list; df -h {DATA}",
    ),
    Verb("send", "notify:send_command", "Look for what has changed, and send it; a timer does.").standing_for(
        "systemctl --user start chainsaw-notify.service",
    ),
)
