"""Logins at the front: a small service that nginx asks whether a request comes from somebody who may make it.

What it reads and writes
------------------------
/srv/users/users.json        written by chainsaw, read again when it changes; see `users.py`
/srv/login/state.json        its own: failures, sessions that were ended, codes that were used
/run/secrets/session_key     at least 32 characters; a new key ends all sessions
descriptor 3                 the listening socket, from systemd (LISTEN_FDS=1), TCP or Unix
LOGIN_LANGUAGE               of its pages: de, pt_BR; English where there are no texts
LOGIN_IDLE_SECONDS           it ends, with 0, when nobody has asked for so long (300; 0: never)
standard error               one line for each failure, login and logout

users.json, format 1:

    {"format": 1, "probe": "", "users": {"kim": {
        "password": "$argon2id$...",   as login-hash prints it
        "groups": ["board"],
        "totp": null,                  or a secret in Base32, of 80 bits at least
        "changed": 1790000000,         when the password or the secret was set: another value ends all sessions of kim
        "client": null}}}              may be absent; a hash: the only password that HTTP Basic takes from kim

Names of users are lower-case: `[a-z0-9][a-z0-9._@-]{0,63}`, those of groups the same without `@`. There are 1000 users
at most. `probe` may be absent: the SHA-256 of a word with which chainsaw itself comes in. A user with TOTP and without
`client` cannot use HTTP Basic, which has no second factor. A hash that costs more than `passwords.py` allows is
refused. A file that is wrong is refused whole, logged once, and the last good one stays.

What the front sends with each request
--------------------------------------
Host                         what the visitor asked for; a session is valid for this host alone
X-Forwarded-Proto            https, or the answer is 400
X-Real-IP                    the visitor's address; failures are counted by it (IPv6: by /64), and it is never written
X-Chainsaw-Client            the address as it may be written: the same, or its network
X-Chainsaw-Instance          for the log
Cookie, Origin, Sec-Fetch-Site, Content-Type as they came

The front removes from what visitors send: X-Chainsaw-* and X-Real-IP. It removes from what applications receive: the
cookies `__Host-chainsaw` and `__Host-chainsaw-form`.

GET /check
----------
For `auth_request` alone; the front routes no visitor to it. It sends, too:

X-Chainsaw-Probe             a word that only chainsaw knows: whoever has it may, and is no user
X-Chainsaw-Allow             users and @groups, separated by commas; `*` is any user; empty is nobody
X-Chainsaw-Basic             1 on paths for clients: `Authorization: Basic` is looked at, and asked for
Authorization                only with X-Chainsaw-Basic: 1

204  may: X-Chainsaw-User, X-Chainsaw-Groups (separated by commas); with HTTP Basic also `X-Chainsaw-Basic: used`, and
     then the Authorization is ours and must not reach the application. X-Accel-Expires: 60 lets the front keep it; the
     key must hold instance, Host, Allow, Basic, the value of the cookie `__Host-chainsaw` and, on paths for clients,
     Authorization. So a logout and a changed user act after a minute at most.
401  nobody is logged in; on paths for clients with WWW-Authenticate. Elsewhere the front redirects to the form.
     With X-Chainsaw-User somebody is, who may not. With X-Chainsaw-Wait (seconds), on paths for clients, there were too
     many failures, and nothing was checked. It is never 403, which nginx could not tell from that of a directory.
503  too many passwords are checked right now: Retry-After. nginx makes 500 of it.

No answer but 204 may be kept.

GET, POST /.chainsaw/login?to=/path
-----------------------------------
`to` stands last: all that follows it belongs to it, so the front may write `?to=$request_uri`. It is followed when it
is a path on the same host, as it is or percent-encoded; otherwise `/` is. Who is logged in sees a button to log out.

GET, POST /.chainsaw/logout
---------------------------
GET shows that button, POST ends the session, also for copies of its cookie.

A form's answer is 200, 303 (logged in, logged out), 400 (no form), 403 (wrong), 429 or 503 (later: Retry-After). All
are pages of their own, and none may be kept. Bodies are limited to 16 KiB, all headers together to 64 KiB.

login-hash
----------
Reads a password from standard input up to the end of the line and prints its hash: `podman exec -i … login-hash`.
It takes from 8 to 256 characters.

The libraries
-------------
waitress is a server in one process that reads requests whole before a thread sees them, and takes a socket that it is
given. argon2 is the hash that is made for passwords. itsdangerous signs, pyotp makes codes, markupsafe escapes. The
standard library reads forms. A framework would have taken 7 MB and 0.2 s more.
"""
