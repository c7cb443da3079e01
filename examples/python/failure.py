"""Reads why a request or a device failed. The gateway's errors carry details; an error without them
comes from the connection."""
from dataclasses import dataclass, field

from google.rpc import code_pb2, error_details_pb2, status_pb2


@dataclass
class Failure:
    code: str
    message: str
    reason: str = ""  # stable, such as OVERLOADED; empty if no gateway answered
    upstream_code: str = ""  # the cloud's code, if the cloud refused
    violations: list = field(default_factory=list)
    retry_after: float = 0.0  # seconds; zero if a retry makes no sense

    def __str__(self):
        lines = [f"{self.code} {self.reason}".strip() + f": {self.message}"]
        lines += [f"  {violation}" for violation in self.violations]
        if self.retry_after:
            lines.append(f"  retry after {self.retry_after:.1f} s")
        return "\n".join(lines)


def failure_of(status):
    """Of a google.rpc.Status."""
    failure = Failure(code_pb2.Code.Name(status.code), status.message)
    info, retry, bad = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(info):
            failure.reason, failure.upstream_code = info.reason, info.metadata.get("upstream_code", "")
        elif detail.Unpack(retry):
            failure.retry_after = retry.retry_delay.ToMilliseconds() / 1000
        elif detail.Unpack(bad):
            failure.violations += [f"{each.field} {each.description}" for each in bad.field_violations]
    return failure


def failure_of_rpc(error):
    """Of a grpc.RpcError."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if details:
        return failure_of(status_pb2.Status.FromString(details))
    return Failure(error.code().name, error.details())
