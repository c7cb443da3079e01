"""A small fleet back end: cancels updates of a few devices, cancels a list that survives restarts, and
stops a whole rollout after a dry run.

fleet.py cancel NAME...                      one call
fleet.py submit REQUEST_ID FILE              a list: one name a line
fleet.py rollout                             the dry run: what a stop would reach
fleet.py stop REQUEST_ID [SETTLE_SECONDS]    the dry run, and then the stop
"""
import sys
from pathlib import Path

import grpc
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.duration_pb2 import Duration

from client import CALLER, connect, setting
from failure import failure_of, failure_of_rpc
from operation import started, wait
from ota.v1 import ota_service_pb2 as ota
from ota.v1.ota_service_pb2_grpc import OtaServiceStub

SCOPE = {
    "product_key": setting("OTA_PRODUCT_KEY", "a1EmulatorPk"),
    "firmware_id": setting("OTA_FIRMWARE_ID", "EmulatedFirmware0000030100"),
}
NAMES_A_MESSAGE = 10_000

channel = connect()
gateway = OtaServiceStub(channel)
operations = OperationsStub(channel)


def cancel(*names):
    """Level 1: one call, of up to 10,000 devices. An error means that no device ended well."""
    request = ota.CancelTasksByDeviceRequest(device_names=names, reason="bad build 42", **SCOPE)
    print_results(gateway.CancelTasksByDevice(request, timeout=30, metadata=CALLER).results)


def submit(request_id, file):
    """Level 2: a list of any length, which the gateway goes on with if this program ends."""
    names = Path(file).read_text().split()
    spec = ota.CancelSpec(
        request_id=request_id, priority=ota.PRIORITY_BULK, time_to_live=Duration(seconds=3600), **SCOPE
    )

    def messages():
        yield ota.SubmitCancelTasksByDeviceRequest(spec=spec)
        for begin in range(0, len(names), NAMES_A_MESSAGE):
            yield ota.SubmitCancelTasksByDeviceRequest(device_names=names[begin : begin + NAMES_A_MESSAGE])

    def progress(running):
        state = ota.SubmitCancelTasksByDeviceMetadata()
        running.metadata.Unpack(state)
        print(state.devices_waiting, "of", state.devices, "devices wait", state.obstacle, file=sys.stderr)

    name = started(
        request_id, lambda: gateway.SubmitCancelTasksByDevice(messages(), timeout=600, metadata=CALLER)
    )
    operation = wait(operations, name, progress)
    state = ota.SubmitCancelTasksByDeviceMetadata()
    operation.metadata.Unpack(state)
    print(ota.OperationState.Name(state.state))
    for count in state.outcomes:
        print(" ", ota.Outcome.Name(count.outcome), count.devices)
    if operation.HasField("error"):
        print(failure_of(operation.error))
    print_failed(name)


def print_failed(name):
    """Reads the devices that did not end well, page by page."""
    failed = [ota.OUTCOME_REJECTED, ota.OUTCOME_UNKNOWN, ota.OUTCOME_NOT_ATTEMPTED]
    request = ota.ListOperationResultsRequest(name=name, page_size=1000, outcomes=failed)
    while True:
        page = gateway.ListOperationResults(request, timeout=30, metadata=CALLER)
        print_results(page.results)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def rollout():
    """Level 3, first half: shows what a stop would reach, and changes nothing."""
    read = gateway.GetRollout(ota.GetRolloutRequest(**SCOPE), timeout=30, metadata=CALLER)
    for job in read.jobs:
        counts = job.counts
        tasks = counts.confirm + counts.queued + counts.notified + counts.in_progress
        print(ota.JobKind.Name(job.kind), job.status, "open", tasks, "installed", counts.succeeded)
        if job.incomplete:
            print("  incomplete:", job.incomplete)
    return read


def stop(request_id, settle_seconds=120):
    """Level 3: stops what the dry run has shown. If another batch was opened since, nothing is done."""

    def start():
        request = ota.StopRolloutRequest(
            request_id=request_id,
            etag=rollout().etag,
            reason="bad build 42",
            settle=Duration(seconds=settle_seconds),
            **SCOPE,
        )
        return gateway.StopRollout(request, timeout=30, metadata=CALLER)

    def progress(running):
        state = ota.StopRolloutMetadata()
        running.metadata.Unpack(state)
        print(ota.Step.Name(state.step), state.obstacle, file=sys.stderr)

    operation = wait(operations, started(request_id, start), progress)
    if operation.HasField("error"):
        print(failure_of(operation.error))
        sys.exit(1)
    report = ota.StopRolloutResponse()
    operation.response.Unpack(report)
    print("stopped", str(report.stopped).lower())
    for job in report.jobs:
        print(" ", ota.JobKind.Name(job.after.kind), "left", job.left, "may still install", job.may_still_install)


def print_results(results):
    for result in results:
        why = failure_of(result.status)
        print(*filter(None, [result.device_name, ota.Outcome.Name(result.outcome), why.reason, why.upstream_code]))


def run(words):
    match words:
        case ["cancel", _, *_]:
            cancel(*words[1:])
        case ["submit", request_id, file]:
            submit(request_id, file)
        case ["rollout"]:
            rollout()
        case ["stop", request_id]:
            stop(request_id)
        case ["stop", request_id, settle] if settle.isdecimal():
            stop(request_id, int(settle))
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except grpc.RpcError as rpc_error:
        print(failure_of_rpc(rpc_error))
        sys.exit(1)
