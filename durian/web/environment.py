"""Changes settings that keep Gradio from starting. Import it before Gradio, which reads them."""

import logging
import os
from urllib.request import getproxies

import httpx

log = logging.getLogger(__name__)


def server_name() -> str | None:
    """Return GRADIO_SERVER_NAME as Gradio takes it, IPv6 addresses in brackets.

    An IPv6 address is removed from the environment: Gradio's import would try it as IPv4 and find
    every port taken, https://github.com/gradio-app/gradio/issues/8437
    (in 6.31; once that is closed, this function can go).
    """
    name = os.environ.get("GRADIO_SERVER_NAME", "").strip("[]")
    if ":" not in name:
        return None
    del os.environ["GRADIO_SERVER_NAME"]
    return f"[{name}]"


def ask_loopback_directly(name: str) -> None:
    """Use no proxy for loopback, where Gradio asks itself whether it has started.

    `name` is the server's. A proxy that httpx cannot use would keep Gradio from being imported, so
    it is dropped. If it was the only way to the Hub, the Hub is not asked: the proxy may be there
    to hide who asks.
    """
    proxies = getproxies()  # with those of the system's settings, which a NO_PROXY would hide
    if not proxies:
        return
    for kind in {"http", "https", "all"} & proxies.keys():
        url = proxies[kind] if "://" in proxies[kind] else f"http://{proxies[kind]}"
        try:
            httpx.HTTPTransport(proxy=url, verify=False).close()
        except (ImportError, ValueError):  # SOCKS without its package, or an unknown scheme
            log.warning("The proxy in %s_PROXY cannot be used, and is not.", kind.upper())
            del proxies[kind]
            os.environ.pop(f"{kind}_PROXY".upper(), None)
            os.environ.pop(f"{kind}_proxy", None)
            if kind != "http" and "https" not in proxies:
                os.environ["HF_HUB_OFFLINE"] = "1"
    direct = (proxies.get("no"), "localhost", "127.0.0.1", "::1", name)
    proxies["no"] = ",".join(filter(None, direct))
    os.environ.update({f"{kind}_proxy": value for kind, value in proxies.items()})


ask_loopback_directly(os.environ.get("GRADIO_SERVER_NAME", "").strip("[]"))
SERVER_NAME = server_name()
