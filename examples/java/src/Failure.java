// Reads why a request or a device failed. The gateway's errors carry details; an error without them
// comes from the connection.
package com.example.fleet;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

final class Failure {
  final String code;
  final String message;

  /** Stable, such as OVERLOADED; empty if no gateway answered. */
  String reason = "";

  /** The cloud's code, if the cloud refused. */
  String upstreamCode = "";

  final List<String> violations = new ArrayList<>();

  /** Zero if a retry makes no sense. */
  long retryAfterMs = 0;

  private Failure(String code, String message) {
    this.code = code;
    this.message = message;
  }

  static Failure of(StatusRuntimeException error) {
    Failure failure = of(StatusProto.fromThrowable(error));
    // Without a gateway, only the cause says what is wrong with the connection.
    Throwable cause = error.getCause();
    return failure.reason.isEmpty() && cause != null
        ? new Failure(failure.code, failure.message + ": " + cause.getMessage())
        : failure;
  }

  static Failure of(Status status) {
    Failure failure = new Failure(Code.forNumber(status.getCode()).name(), status.getMessage());
    try {
      for (Any detail : status.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          failure.reason = info.getReason();
          failure.upstreamCode = info.getMetadataOrDefault("upstream_code", "");
        } else if (detail.is(RetryInfo.class)) {
          failure.retryAfterMs = Durations.toMillis(detail.unpack(RetryInfo.class).getRetryDelay());
        } else if (detail.is(BadRequest.class)) {
          for (BadRequest.FieldViolation each : detail.unpack(BadRequest.class).getFieldViolationsList()) {
            failure.violations.add(each.getField() + " " + each.getDescription());
          }
        }
      }
    } catch (InvalidProtocolBufferException error) {
      throw new IllegalStateException(error);
    }
    return failure;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder((code + " " + reason).trim() + ": " + message);
    for (String violation : violations) text.append("\n  ").append(violation);
    if (retryAfterMs > 0) text.append(String.format(Locale.ROOT, "\n  retry after %.1f s", retryAfterMs / 1000.0));
    return text.toString();
  }
}
