// Connects to the gateway, with balancing, retries, keepalive and the name of the caller.
package main

import (
	"context"
	_ "embed"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Also the retry policy. Retries are on by default since grpc-go 1.40; older ones need
// GRPC_GO_RETRY=on.
//
//go:embed service-config.json
var serviceConfig string

// connect makes a channel to all replicas behind OTA_ADDRESS: host:port, or a target with a scheme of
// its own, such as dns://SERVER/host:port. With OTA_TOKEN it uses TLS, because a token must not travel
// in plain text.
func connect() (*grpc.ClientConn, error) {
	address := setting("OTA_ADDRESS", "127.0.0.1:50051")
	if !strings.Contains(address, "://") {
		address = "dns:///" + address
	}
	security := grpc.WithInsecure()
	if os.Getenv("OTA_TOKEN") != "" {
		security = grpc.WithTransportCredentials(credentials.NewTLS(nil))
	}
	return grpc.Dial(address, security,
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithUnaryInterceptor(untilAccepted),
		grpc.WithDefaultCallOptions(
			grpc.MaxRetryRPCBufferSize(1<<20), // requests larger than that are not retried
			grpc.MaxCallRecvMsgSize(32<<20)),  // 10,000 devices that all fail with long reasons
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second}))
}

// notSent is what grpc-go says of an attempt that met a connection which a replica had just closed, to
// new requests or altogether. It repeats a first attempt by itself, and not one of the retry policy.
// Older grpc-go says the second of a request that was sent, too; each of ours can be sent again.
var notSent = map[string]bool{"the connection is draining": true, "transport is closing": true}

// untilAccepted repeats what a replica refuses because it shuts down, until another accepts it or the
// deadline has passed. The attempts of the retry policy can all meet the same replica.
func untilAccepted(ctx context.Context, method string, request, answer interface{}, connection *grpc.ClientConn,
	invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	for {
		err := invoke(ctx, method, request, answer, connection, options...)
		why := failureOf(status.Convert(err))
		if why.reason != "DRAINING" && !notSent[status.Convert(err).Message()] {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(why.retryAfter):
		}
	}
}

// within is the context of one rpc: its deadline, and the name of the caller.
func within(timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-ota-caller", "fleet-go")
	if token := os.Getenv("OTA_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return context.WithTimeout(ctx, timeout)
}
