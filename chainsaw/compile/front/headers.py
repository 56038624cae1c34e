"""Request headers in which a proxy says who a visitor is, and where from: those of a visitor are dropped.

They are collected from the documentation of proxies, login gateways and applications. A star at the end stands for any
rest (more_clear_input_headers); what the front sets itself, it sets after these are dropped.
"""

from __future__ import annotations

WHERE_FROM = (
    "Forwarded",
    "Forwarded-*",
    "X-Forwarded",
    "X-Forwarded-*",
    "X-Forward-For",
    "X-Original-*",
    "X-Real-IP",
    "X-Real-Port",
    "X-Client-IP",
    "Client-IP",
    "CF-Connecting-*",
    "CF-IPCountry",
    "CF-Visitor",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "Proxy-Client-IP",
    "True-Client-IP",
    "WL-Proxy-*",
    "X-Azure-ClientIP",
    "X-Cluster-Client-IP",
    "X-Envoy-External-Address",
    "X-Host",
    "X-Proxy-*",
    "X-ProxyUser-Ip",
)
WHAT_FOR = (
    "Front-End-Https",
    "Proxy",
    "X-ARR-SSL",
    "X-HTTPS",
    "X-Rewrite-*",
    "X-Scheme",
    "X-URL-Scheme",
    "X-Script-Name",
)
WHO = (
    "Auth-User",
    "Remote-*",
    "SSL-Client-*",
    "X-Auth-Email",
    "X-Auth-Groups",
    "X-Auth-Name",
    "X-Auth-Request-*",
    "X-Auth-User*",
    "X-Authenticated-*",
    "X-Authentik-*",
    "X-Authelia-*",
    "X-Credential-*",
    "X-Goog-Authenticated-*",
    "X-MS-Client-*",
    "X-Remote-*",
    "X-Client-Cert*",
    "X-Client-DN",
    "X-Client-Verify",
    "X-SSL-*",
    "X-Token-Subject",
    "X-Vouch-*",
    "X-Webauth-*",
    "Tailscale-*",
)
DROPPED = (*WHERE_FROM, *WHAT_FOR, *WHO)
