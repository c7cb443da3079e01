// A small fleet back end: cancels updates of a few devices, cancels a list that survives restarts,
// and stops a whole rollout after a dry run.
package com.example.fleet;

import com.google.longrunning.Operation;
import com.google.longrunning.OperationsGrpc.OperationsBlockingStub;
import com.google.longrunning.OperationsGrpc;
import com.google.protobuf.util.Durations;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import ota.v1.CancelSpec;
import ota.v1.CancelTasksByDeviceRequest;
import ota.v1.DeviceResult;
import ota.v1.GetRolloutRequest;
import ota.v1.JobStop;
import ota.v1.ListOperationResultsRequest;
import ota.v1.ListOperationResultsResponse;
import ota.v1.OtaServiceGrpc;
import ota.v1.Outcome;
import ota.v1.OutcomeCount;
import ota.v1.Priority;
import ota.v1.Rollout;
import ota.v1.RolloutJob;
import ota.v1.StopRolloutMetadata;
import ota.v1.StopRolloutRequest;
import ota.v1.StopRolloutResponse;
import ota.v1.SubmitCancelTasksByDeviceMetadata;
import ota.v1.TaskCounts;

public final class Fleet {
  private static final String USAGE =
      "usage: Fleet cancel NAME... | submit REQUEST_ID FILE | rollout | stop REQUEST_ID [SETTLE_SECONDS]";
  private static final String PRODUCT_KEY = Channel.setting("OTA_PRODUCT_KEY", "a1EmulatorPk");
  private static final String FIRMWARE_ID =
      Channel.setting("OTA_FIRMWARE_ID", "EmulatedFirmware0000030100");

  private final ManagedChannel channel;
  private final OtaServiceGrpc.OtaServiceBlockingStub gateway;
  private final OperationsBlockingStub operations;

  private Fleet(ManagedChannel channel) {
    this.channel = channel;
    gateway = OtaServiceGrpc.newBlockingStub(channel);
    operations = OperationsGrpc.newBlockingStub(channel);
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    ManagedChannel channel = Channel.connect();
    int code;
    try {
      code = new Fleet(channel).run(List.of(arguments));
    } catch (StatusRuntimeException error) {
      System.out.println(Failure.of(error));
      code = 1;
    }
    channel.shutdownNow();
    System.exit(code);
  }

  /** Returns the exit code. */
  private int run(List<String> arguments) throws IOException, InterruptedException {
    int count = arguments.size();
    String level = count == 0 ? "" : arguments.get(0);
    if (level.equals("cancel") && count > 1) cancel(arguments.subList(1, count));
    else if (level.equals("submit") && count == 3) submit(arguments.get(1), Path.of(arguments.get(2)));
    else if (level.equals("rollout") && count == 1) dryRun();
    else if (level.equals("stop") && count == 2) stop(arguments.get(1), 120);
    else if (level.equals("stop") && count == 3 && arguments.get(2).matches("\\d+")) {
      stop(arguments.get(1), Long.parseLong(arguments.get(2)));
    } else {
      System.err.println(USAGE);
      return 2;
    }
    return 0;
  }

  /** Level 1: one call, of up to 10,000 devices. An error means that no device ended well. */
  private void cancel(List<String> names) {
    CancelTasksByDeviceRequest request =
        CancelTasksByDeviceRequest.newBuilder()
            .setProductKey(PRODUCT_KEY)
            .setFirmwareId(FIRMWARE_ID)
            .addAllDeviceNames(names)
            .setReason("bad build 42")
            .build();
    print(Channel.ask(30, gateway, stub -> stub.cancelTasksByDevice(request)).getResultsList());
  }

  /** Level 2: a list of any length, which the gateway goes on with if this program ends. */
  private void submit(String requestId, Path file) throws IOException, InterruptedException {
    CancelSpec spec =
        CancelSpec.newBuilder()
            .setRequestId(requestId)
            .setProductKey(PRODUCT_KEY)
            .setFirmwareId(FIRMWARE_ID)
            .setPriority(Priority.PRIORITY_BULK)
            .setTimeToLive(Durations.fromHours(1))
            .build();
    List<String> names = List.of(Files.readString(file).trim().split("\\s+"));
    String name = Operations.started(requestId, () -> Upload.send(channel, spec, names));
    Operation operation =
        Operations.wait(
            operations,
            name,
            running -> {
              SubmitCancelTasksByDeviceMetadata state =
                  running.getMetadata().unpack(SubmitCancelTasksByDeviceMetadata.class);
              System.err.printf(
                  "%d of %d devices wait %s%n", state.getDevicesWaiting(), state.getDevices(), state.getObstacle());
            });
    SubmitCancelTasksByDeviceMetadata state =
        operation.getMetadata().unpack(SubmitCancelTasksByDeviceMetadata.class);
    System.out.println(state.getState());
    for (OutcomeCount each : state.getOutcomesList()) {
      System.out.println("  " + each.getOutcome() + " " + each.getDevices());
    }
    if (operation.hasError()) System.out.println(Failure.of(operation.getError()));
    printFailed(name);
  }

  /** Reads the devices that did not end well, page by page. */
  private void printFailed(String name) {
    ListOperationResultsRequest.Builder request =
        ListOperationResultsRequest.newBuilder()
            .setName(name)
            .setPageSize(1000)
            .addOutcomes(Outcome.OUTCOME_REJECTED)
            .addOutcomes(Outcome.OUTCOME_UNKNOWN)
            .addOutcomes(Outcome.OUTCOME_NOT_ATTEMPTED);
    do {
      ListOperationResultsResponse page =
          Channel.ask(30, gateway, stub -> stub.listOperationResults(request.build()));
      print(page.getResultsList());
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
  }

  /** Level 3, first half: shows what a stop would reach, and changes nothing. */
  private Rollout dryRun() {
    GetRolloutRequest request =
        GetRolloutRequest.newBuilder().setProductKey(PRODUCT_KEY).setFirmwareId(FIRMWARE_ID).build();
    Rollout rollout = Channel.ask(30, gateway, stub -> stub.getRollout(request));
    for (RolloutJob job : rollout.getJobsList()) {
      TaskCounts counts = job.getCounts();
      long open = counts.getConfirm() + counts.getQueued() + counts.getNotified() + counts.getInProgress();
      System.out.printf(
          "%s %s open %d installed %d%n", job.getKind(), job.getStatus(), open, counts.getSucceeded());
      if (!job.getIncomplete().isEmpty()) System.out.println("  incomplete: " + job.getIncomplete());
    }
    return rollout;
  }

  /** Level 3: stops what the dry run has shown. If another batch was opened since, nothing is done. */
  private void stop(String requestId, long settleSeconds) throws IOException, InterruptedException {
    String name =
        Operations.started(
            requestId,
            () -> {
              StopRolloutRequest request =
                  StopRolloutRequest.newBuilder()
                      .setRequestId(requestId)
                      .setProductKey(PRODUCT_KEY)
                      .setFirmwareId(FIRMWARE_ID)
                      .setEtag(dryRun().getEtag())
                      .setReason("bad build 42")
                      .setSettle(Durations.fromSeconds(settleSeconds))
                      .build();
              return Channel.ask(30, gateway, stub -> stub.stopRollout(request));
            });
    Operation operation =
        Operations.wait(
            operations,
            name,
            running -> {
              StopRolloutMetadata state = running.getMetadata().unpack(StopRolloutMetadata.class);
              System.err.println(state.getStep() + " " + state.getObstacle());
            });
    if (operation.hasError()) {
      throw StatusProto.toStatusRuntimeException(operation.getError());
    }
    StopRolloutResponse report = operation.getResponse().unpack(StopRolloutResponse.class);
    System.out.println("stopped " + report.getStopped());
    for (JobStop job : report.getJobsList()) {
      System.out.printf(
          "  %s left %d may still install %d%n",
          job.getAfter().getKind(), job.getLeft(), job.getMayStillInstall());
    }
  }

  private static void print(List<DeviceResult> results) {
    for (DeviceResult result : results) {
      Failure why = Failure.of(result.getStatus());
      String line = String.join(" ", result.getDeviceName(), result.getOutcome().name(), why.reason, why.upstreamCode);
      System.out.println(line.trim());
    }
  }
}
