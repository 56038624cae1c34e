#!/usr/bin/python3
"""A page of notes: everyone reads, admin writes."""

import base64
import html
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOTES = Path("/srv/data/notes.txt")
ADMIN = base64.b64encode(b"admin:" + Path("/run/secrets/password").read_bytes()).decode()
TITLE = html.escape(os.environ["TITLE"])


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        notes = NOTES.read_text().splitlines() if NOTES.exists() else []
        items = "".join(f"<li>{html.escape(note)}" for note in notes)
        self.answer(200, f"<!DOCTYPE html><title>{TITLE}</title><h1>{TITLE}</h1><ul>{items}</ul></html>")

    def do_POST(self):
        if self.headers.get("Authorization") != f"Basic {ADMIN}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            return
        with NOTES.open("a") as file:
            file.write(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode() + "\n")
        self.send_response(303)
        self.send_header("Location", self.path)
        self.end_headers()

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


# The first process of a container has no default action for signals.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(("127.0.0.1", 8080), Page).serve_forever()
