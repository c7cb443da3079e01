// Serves the contract as JSON over HTTP, and translates each request into gRPC.
//
//	transcoder [LISTEN]      by default on 127.0.0.1:8080, for the gateway at OTA_ADDRESS
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"example.com/transcoder/gen/google/longrunning"
	otav1 "example.com/transcoder/gen/ota/v1"
	"github.com/grpc-ecosystem/grpc-gateway/runtime"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // so that details of errors can be shown
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

func main() {
	address, listen := os.Getenv("OTA_ADDRESS"), "127.0.0.1:8080"
	if address == "" {
		address = "127.0.0.1:50051"
	}
	if len(os.Args) > 1 {
		listen = os.Args[1]
	}
	runtime.HTTPError = writeStatus
	json := &runtime.JSONPb{} // the JSON form of protobuf: lowerCamelCase, defaults left out
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, json),
		runtime.WithIncomingHeaderMatcher(metadataOf))
	// Plain text, for a gateway on the same machine; else grpc.WithTransportCredentials.
	options := []grpc.DialOption{grpc.WithInsecure(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32 << 20))}
	if err := otav1.RegisterOtaServiceHandlerFromEndpoint(context.Background(), mux, address, options); err != nil {
		log.Fatal(err)
	}
	if err := longrunning.RegisterOperationsHandlerFromEndpoint(context.Background(), mux, address, options); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(listen, mux))
}

// metadataOf passes the headers on that the gateway reads. Authorization and Grpc-Timeout are passed
// on anyway.
func metadataOf(header string) (string, bool) {
	switch header {
	case "X-Ota-Caller", "Traceparent", "Tracestate":
		return header, true
	}
	return runtime.DefaultHeaderMatcher(header)
}

// writeStatus answers with google.rpc.Status and its details, as Envoy and grpc-gateway 2 do. The
// handler of grpc-gateway 1 cannot be used together with protobuf 1.4 or later: it panics.
func writeStatus(_ context.Context, _ *runtime.ServeMux, json runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	failure := status.Convert(err)
	body, err := json.Marshal(failure.Proto())
	if err != nil {
		http.Error(w, failure.Message(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(runtime.HTTPStatusFromCode(failure.Code()))
	w.Write(body)
}
