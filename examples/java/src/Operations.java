// Operations: started once, found again after a restart of this program, waited for.
package com.example.fleet;

import com.google.longrunning.Operation;
import com.google.longrunning.OperationsGrpc.OperationsBlockingStub;
import com.google.longrunning.WaitOperationRequest;
import com.google.protobuf.util.Durations;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;

final class Operations {
  private static final int ATTEMPTS = 5;
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final long PAUSE_MS = 500;
  private static final Set<Code> AWAY =
      EnumSet.of(Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED);

  interface Start {
    Operation call() throws IOException, InterruptedException;
  }

  interface Progress {
    void show(Operation running) throws IOException;
  }

  /**
   * The name of the operation with this request id: the one that this program stored before it was
   * restarted, or else a new one. If the program dies before it has written the name, the same
   * request id makes the gateway return the same operation.
   */
  static String started(String requestId, Start start) throws IOException, InterruptedException {
    Path file = Path.of(requestId + ".operation");
    if (Files.exists(file)) {
      System.out.println("reattached to " + Files.readString(file));
      return Files.readString(file);
    }
    for (int attempt = 1; ; attempt++) {
      try {
        String name = start.call().getName();
        Path complete = Files.writeString(Path.of(requestId + ".operation.new"), name);
        Files.move(complete, file, StandardCopyOption.ATOMIC_MOVE);
        System.out.println("stored as " + name);
        return name;
      } catch (StatusRuntimeException error) {
        if (attempt == ATTEMPTS || !canStartAgain(error)) throw error;
        Thread.sleep(1000 + Failure.of(error).retryAfterMs);
      }
    }
  }

  /** Is about requests with a request id, which are carried out once. */
  private static boolean canStartAgain(StatusRuntimeException error) {
    Code code = error.getStatus().getCode();
    return code == Code.UNAVAILABLE
        || code == Code.RESOURCE_EXHAUSTED
        || Failure.of(error).reason.equals("SUBMISSION_UNKNOWN");
  }

  /**
   * The operation when it is done. Goes on while gateways restart, for a minute without an answer.
   * The operation itself does not need this program.
   */
  static Operation wait(OperationsBlockingStub operations, String name, Progress progress)
      throws IOException, InterruptedException {
    Instant answered = Instant.now();
    WaitOperationRequest request =
        WaitOperationRequest.newBuilder().setName(name).setTimeout(Durations.fromSeconds(5)).build();
    while (true) {
      try {
        Operation operation = Channel.within(15, operations).waitOperation(request);
        if (operation.getDone()) return operation;
        answered = Instant.now();
        progress.show(operation);
        Thread.sleep(PAUSE_MS); // a gateway that shuts down answers at once
      } catch (StatusRuntimeException error) {
        boolean away = AWAY.contains(error.getStatus().getCode());
        if (!away || answered.plus(PATIENCE).isBefore(Instant.now())) throw error;
        Thread.sleep(1000);
      }
    }
  }

  private Operations() {}
}
