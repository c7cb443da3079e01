// Connects to the gateway, with balancing, retries, keepalive and the name of the caller.
package com.example.fleet;

import com.google.common.util.concurrent.Uninterruptibles;
import com.google.gson.Gson;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

final class Channel {
  private static final String TOKEN = setting("OTA_TOKEN", "");

  /**
   * A channel to all replicas behind OTA_ADDRESS: host:port, or a target with a scheme of its own.
   * With OTA_TOKEN by TLS, because a token must not travel in plain text.
   */
  static ManagedChannel connect() throws IOException {
    String address = setting("OTA_ADDRESS", "127.0.0.1:50051");
    NettyChannelBuilder channel =
        NettyChannelBuilder.forTarget(address.contains("://") ? address : "dns:///" + address)
            .defaultServiceConfig(serviceConfig())
            .enableRetry()
            .maxInboundMessageSize(32 << 20) // 10,000 devices that all fail with long reasons
            .keepAliveTime(30, TimeUnit.SECONDS);
    return (TOKEN.isEmpty() ? channel.usePlaintext() : channel.useTransportSecurity()).build();
  }

  /** Also the retry policy. Numbers become Double, as gRPC wants them. */
  @SuppressWarnings("unchecked")
  private static Map<String, ?> serviceConfig() throws IOException {
    try (Reader json = new InputStreamReader(Channel.class.getResourceAsStream("/service-config.json"))) {
      return new Gson().fromJson(json, Map.class);
    }
  }

  /**
   * What grpc-java says of an attempt that was under way as a replica closed its connection to new
   * requests. The replica has not read it.
   */
  private static final String NOT_READ = "Abrupt GOAWAY closed sent stream. HTTP/2 error code: NO_ERROR";

  /**
   * The answer of one rpc. Repeats what a replica refuses because it shuts down, until another
   * accepts it or the deadline has passed: the attempts of the retry policy can all meet the same
   * replica.
   */
  static <Stub extends AbstractStub<Stub>, Answer> Answer ask(long seconds, Stub stub, Function<Stub, Answer> rpc) {
    Stub withDeadline = within(seconds, stub);
    while (true) {
      try {
        return rpc.apply(withDeadline);
      } catch (StatusRuntimeException error) {
        Failure why = Failure.of(error);
        long leftMs = withDeadline.getCallOptions().getDeadline().timeRemaining(TimeUnit.MILLISECONDS);
        boolean isLeaving = why.reason.equals("DRAINING") || why.message.startsWith(NOT_READ);
        if (!isLeaving || leftMs <= why.retryAfterMs) throw error;
        Uninterruptibles.sleepUninterruptibly(why.retryAfterMs, TimeUnit.MILLISECONDS);
      }
    }
  }

  /** The stub for one rpc: its deadline, and the name of the caller. */
  static <Stub extends AbstractStub<Stub>> Stub within(long seconds, Stub stub) {
    Metadata caller = new Metadata();
    caller.put(Metadata.Key.of("x-ota-caller", Metadata.ASCII_STRING_MARSHALLER), "fleet-java");
    if (!TOKEN.isEmpty()) {
      caller.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + TOKEN);
    }
    return stub.withDeadlineAfter(seconds, TimeUnit.SECONDS)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(caller));
  }

  /** A variable; empty counts as unset. */
  static String setting(String variable, String usual) {
    String value = System.getenv(variable);
    return value == null || value.isEmpty() ? usual : value;
  }

  private Channel() {}
}
