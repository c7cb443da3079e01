// Uploads a list, no faster than the gateway reads it.
package com.example.fleet;

import com.google.longrunning.Operation;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import ota.v1.CancelSpec;
import ota.v1.OtaServiceGrpc;
import ota.v1.SubmitCancelTasksByDeviceRequest;

final class Upload implements ClientResponseObserver<SubmitCancelTasksByDeviceRequest, Operation> {
  private static final int NAMES_A_MESSAGE = 10_000;

  private final CompletableFuture<Operation> answer = new CompletableFuture<>();
  private final List<String> names;
  private CancelSpec spec;
  private int sent = 0;
  private boolean isComplete = false;

  private Upload(CancelSpec spec, List<String> names) {
    this.spec = spec;
    this.names = names;
  }

  static Operation send(ManagedChannel channel, CancelSpec spec, List<String> names) throws InterruptedException {
    Upload upload = new Upload(spec, names);
    Channel.within(600, OtaServiceGrpc.newStub(channel)).submitCancelTasksByDevice(upload);
    try {
      return upload.answer.get();
    } catch (ExecutionException error) {
      throw (StatusRuntimeException) error.getCause();
    }
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<SubmitCancelTasksByDeviceRequest> call) {
    call.setOnReadyHandler(() -> sendWhileReady(call));
  }

  private void sendWhileReady(ClientCallStreamObserver<SubmitCancelTasksByDeviceRequest> call) {
    while (call.isReady() && !isComplete) {
      SubmitCancelTasksByDeviceRequest.Builder message = SubmitCancelTasksByDeviceRequest.newBuilder();
      if (spec != null) message.setSpec(spec);
      spec = null; // in the first message only
      int end = Math.min(sent + NAMES_A_MESSAGE, names.size());
      call.onNext(message.addAllDeviceNames(names.subList(sent, end)).build());
      sent = end;
      isComplete = sent == names.size();
      if (isComplete) call.onCompleted();
    }
  }

  @Override
  public void onNext(Operation operation) {
    answer.complete(operation);
  }

  @Override
  public void onError(Throwable error) {
    answer.completeExceptionally(Status.fromThrowable(error).asRuntimeException(Status.trailersFromThrowable(error)));
  }

  @Override
  public void onCompleted() {}
}
