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
	address := os.Getenv("OTA_ADDRESS")
	if address == "" {
		address = "127.0.0.1:50051"
	}
	if !strings.Contains(address, "://") {
		address = "dns:///" + address
	}
	security := grpc.WithInsecure()
	if os.Getenv("OTA_TOKEN") != "" {
		security = grpc.WithTransportCredentials(credentials.NewTLS(nil))
	}
	return grpc.Dial(address, security,
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDefaultCallOptions(
			grpc.MaxRetryRPCBufferSize(1<<20), // requests larger than that are not retried
			grpc.MaxCallRecvMsgSize(32<<20)),  // 10,000 devices that all fail with long reasons
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second}))
}

// within is the context of one rpc: its deadline, and the name of the caller.
func within(timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-ota-caller", "fleet-go")
	if token := os.Getenv("OTA_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return context.WithTimeout(ctx, timeout)
}
