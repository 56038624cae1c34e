"""The mail server of a test takes what a mail program hands over, and passes nothing on."""

from __future__ import annotations

import smtplib
import socket

from chainsaw.host.mailbox import MOST, Mailbox


def test_a_letter_is_kept_as_it_was_sent():
    with Mailbox() as mailbox, smtplib.SMTP("127.0.0.1", mailbox.port, timeout=10) as client:
        client.sendmail("a@example.org", ["b@example.org", "c@example.org"], "Subject: Walks\r\n\r\n.by\r\nthe sea\r\n")
        client.sendmail("a@example.org", "b@example.org", "Subject: Again\r\n\r\n")
        assert mailbox.letters == ["Subject: Walks\r\n\r\n.by\r\nthe sea\r\n", "Subject: Again\r\n\r\n"]


def test_several_send_at_once_and_one_that_is_cut_off_leaves_no_letter():
    with Mailbox() as mailbox:
        with socket.create_connection(("127.0.0.1", mailbox.port), timeout=10) as rude:
            rude.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\nhalf a letter\r\n")
            rude.recv(100)
            with smtplib.SMTP("127.0.0.1", mailbox.port, timeout=10) as client:
                client.sendmail("a@example.org", "b@example.org", "whole\r\n")
        with smtplib.SMTP("127.0.0.1", mailbox.port, timeout=10) as client:
            assert client.noop()[0] == 250
        assert mailbox.letters == ["whole\r\n"]


def test_what_it_does_not_know_is_refused_and_the_client_may_go_on():
    with Mailbox() as mailbox, smtplib.SMTP("127.0.0.1", mailbox.port, timeout=10) as client:
        assert client.docmd("VRFY", "kim")[0] == 502
        assert client.docmd("AUTH", "PLAIN")[0] == 502
        assert client.noop()[0] == 250


def test_a_letter_that_is_far_too_long_is_cut():
    with Mailbox() as mailbox, smtplib.SMTP("127.0.0.1", mailbox.port, timeout=30) as client:
        client.sendmail("a@example.org", "b@example.org", ("x" * 1000 + "\r\n") * (MOST // 1000 + 100))
        (letter,) = mailbox.letters
        assert MOST <= len(letter) < MOST + 2000


def test_nobody_answers_when_the_test_is_over():
    with Mailbox() as mailbox:
        port = mailbox.port
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
