"""Cancels each device that is named on standard input, all at the same time, with the client of
examples/python. One line for each says what became of it."""
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from client import CALLER
from fleet import SCOPE, gateway
from ota.v1 import ota_service_pb2 as ota

sys.stdout.reconfigure(line_buffering=True)


def cancel(name):
    request = ota.CancelTasksByDeviceRequest(device_names=[name], **SCOPE)
    try:
        results = gateway.CancelTasksByDevice(request, timeout=30, metadata=CALLER).results
        outcome = ota.Outcome.Name(results[0].outcome)
    except grpc.RpcError as error:
        outcome = f"{error.code()}: {error.details()}"
    sys.stdout.write(f"{name} {outcome}\n")  # print would write the line in parts


with ThreadPoolExecutor(100) as workers:
    for line in sys.stdin:
        workers.submit(cancel, line.strip())
