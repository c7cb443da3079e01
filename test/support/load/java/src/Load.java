// Cancels each device that is named on standard input, all at the same time, with the client of
// examples/java. One line for each says what became of it.
package com.example.fleet;

import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import ota.v1.CancelTasksByDeviceRequest;
import ota.v1.OtaServiceGrpc;
import ota.v1.OtaServiceGrpc.OtaServiceBlockingStub;

final class Load {
  public static void main(String[] arguments) throws IOException, InterruptedException {
    ManagedChannel channel = Channel.connect();
    OtaServiceBlockingStub gateway = OtaServiceGrpc.newBlockingStub(channel);
    ExecutorService workers = Executors.newCachedThreadPool();
    BufferedReader names = new BufferedReader(new InputStreamReader(System.in));
    for (String line = names.readLine(); line != null; line = names.readLine()) {
      String name = line;
      workers.execute(() -> System.out.println(name + " " + outcome(gateway, name)));
    }
    workers.shutdown();
    workers.awaitTermination(1, TimeUnit.MINUTES);
    channel.shutdownNow();
  }

  private static String outcome(OtaServiceBlockingStub gateway, String name) {
    CancelTasksByDeviceRequest request =
        CancelTasksByDeviceRequest.newBuilder()
            .setProductKey("a1EmulatorPk")
            .setFirmwareId("EmulatedFirmware0000030100")
            .addDeviceNames(name)
            .build();
    try {
      return Channel.ask(30, gateway, stub -> stub.cancelTasksByDevice(request)).getResults(0).getOutcome().name();
    } catch (StatusRuntimeException error) {
      return error.getMessage();
    }
  }

  private Load() {}
}
