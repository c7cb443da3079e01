"""Operations: started once, found again after a restart of this program, waited for."""
import time
from pathlib import Path

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from client import CALLER
from failure import failure_of_rpc

ATTEMPTS = 5
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.5
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)


def started(request_id, start):
    """The name of the operation with this request id: the one that this program stored before it was
    restarted, or else a new one. If the program dies before it has written the name, the same request
    id makes the gateway return the same operation."""
    file = Path(f"{request_id}.operation")
    if file.exists():
        print("reattached to", file.read_text(), flush=True)
        return file.read_text()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            name = start().name
            break
        except grpc.RpcError as error:
            if attempt == ATTEMPTS or not can_start_again(error):
                raise
            time.sleep(1 + failure_of_rpc(error).retry_after)
    new = Path(f"{request_id}.operation.new")
    new.write_text(name)
    new.rename(file)  # the whole file or none
    print("stored as", name, flush=True)
    return name


def can_start_again(error):
    """Is about requests with a request id, which are carried out once."""
    passing = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    return passing or failure_of_rpc(error).reason == "SUBMISSION_UNKNOWN"


def wait(operations, name, progress):
    """The operation when it is done. Goes on while gateways restart, for a minute without an answer.
    The operation itself does not need this program."""
    answered = time.monotonic()
    request = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(seconds=5))
    while True:
        try:
            operation = operations.WaitOperation(request, timeout=15, metadata=CALLER)
        except grpc.RpcError as error:
            if error.code() not in AWAY or time.monotonic() - answered > PATIENCE_SECONDS:
                raise
            time.sleep(1)
            continue
        if operation.done:
            return operation
        answered = time.monotonic()
        progress(operation)
        time.sleep(PAUSE_SECONDS)  # a gateway that shuts down answers at once
