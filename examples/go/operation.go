// Operations: started once, found again after a restart of this program, waited for.
package main

import (
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/longrunning"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	attempts = 5
	pause    = 500 * time.Millisecond
)

// started returns the name of the operation with this request id: the one that this program stored
// before it was restarted, or else a new one. If the program dies before it has written the name,
// the same request id makes the gateway return the same operation.
func started(requestID string, start func() (*longrunning.Operation, error)) (string, error) {
	file := requestID + ".operation"
	if name, err := os.ReadFile(file); err == nil {
		fmt.Println("reattached to", string(name))
		return string(name), nil
	}
	for attempt := 1; ; attempt++ {
		operation, err := start()
		if err == nil {
			if err := write(file, operation.Name); err != nil {
				return "", err
			}
			fmt.Println("stored as", operation.Name)
			return operation.Name, nil
		}
		if attempt == attempts || !canStartAgain(err) {
			return "", err
		}
		time.Sleep(time.Second + failureOf(status.Convert(err)).retryAfter)
	}
}

// write leaves either the whole file or none.
func write(file, text string) error {
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// canStartAgain is about requests with a request id, which are carried out once.
func canStartAgain(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted:
		return true
	}
	return failureOf(status.Convert(err)).reason == "SUBMISSION_UNKNOWN"
}

// wait returns the operation when it is done. It goes on while gateways restart, for a minute
// without an answer. The operation itself does not need this program.
func wait(client longrunning.OperationsClient, name string, progress func(*longrunning.Operation)) (*longrunning.Operation, error) {
	answered := time.Now()
	for {
		ctx, cancel := within(15 * time.Second)
		operation, err := client.WaitOperation(ctx, &longrunning.WaitOperationRequest{
			Name: name, Timeout: durationpb.New(5 * time.Second)})
		cancel()
		switch {
		case err == nil && operation.Done:
			return operation, nil
		case err == nil:
			answered = time.Now()
			progress(operation)
			time.Sleep(pause) // a gateway that shuts down answers at once
		case time.Since(answered) > time.Minute:
			return nil, err
		case isAway(status.Code(err)):
			time.Sleep(time.Second)
		default:
			return nil, err
		}
	}
}

func isAway(code codes.Code) bool {
	return code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.ResourceExhausted
}
