"""Connects to the gateway, with balancing, retries, keepalive and the name of the caller."""
import os
import time
from pathlib import Path

import grpc

from failure import failure_of_rpc


def setting(variable, usual=""):
    """A variable; empty counts as unset."""
    return os.environ.get(variable) or usual


SERVICE_CONFIG = Path(__file__).with_name("service-config.json").read_text()  # also the retry policy
OPTIONS = [
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.per_rpc_retry_buffer_size", 1 << 20),  # requests larger than that are not retried
    ("grpc.max_receive_message_length", 32 << 20),  # 10,000 devices that all fail with long reasons
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.max_pings_without_data", 0),  # otherwise pings end after two without data
]
TOKEN = setting("OTA_TOKEN")

CALLER = [("x-ota-caller", "fleet-python")]
if TOKEN:
    CALLER.append(("authorization", f"Bearer {TOKEN}"))


def connect():
    """A channel to all replicas behind OTA_ADDRESS: host:port, or a target with a scheme of its own.
    With OTA_TOKEN by TLS, because a token must not travel in plain text."""
    address = setting("OTA_ADDRESS", "127.0.0.1:50051")
    target = address if "://" in address else "dns:///" + address
    if TOKEN:
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=OPTIONS)
    else:
        channel = grpc.insecure_channel(target, options=OPTIONS)
    return grpc.intercept_channel(channel, UntilAccepted())


class UntilAccepted(grpc.UnaryUnaryClientInterceptor):
    """Repeats what a replica refuses because it shuts down, until another accepts it or the deadline
    has passed. The attempts of the retry policy can all meet the same replica."""

    def intercept_unary_unary(self, ask, details, request):
        deadline = time.monotonic() + details.timeout
        while True:
            call = ask(details._replace(timeout=deadline - time.monotonic()), request)
            error = call.exception()  # waits for the answer
            why = error and failure_of_rpc(error)
            if not why or why.reason != "DRAINING" or time.monotonic() + why.retry_after >= deadline:
                return call
            time.sleep(why.retry_after)
