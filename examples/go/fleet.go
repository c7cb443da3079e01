// A small fleet back end: cancels updates of a few devices, cancels a list that survives restarts,
// and stops a whole rollout after a dry run.
//
//	fleet cancel NAME...                      one call
//	fleet submit REQUEST_ID FILE              a list: one name a line
//	fleet rollout                             the dry run: what a stop would reach
//	fleet stop REQUEST_ID [SETTLE_SECONDS]    the dry run, and then the stop
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/longrunning"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	ota "example.com/fleet/gen/ota/v1"
)

const usage = "usage: fleet cancel NAME... | submit REQUEST_ID FILE | rollout | stop REQUEST_ID [SETTLE_SECONDS]"

var (
	productKey = setting("OTA_PRODUCT_KEY", "a1EmulatorPk")
	firmwareID = setting("OTA_FIRMWARE_ID", "EmulatedFirmware0000030100")
)

type fleet struct {
	gateway    ota.OtaServiceClient
	operations longrunning.OperationsClient
}

func main() {
	connection, err := connect()
	if err == nil {
		defer connection.Close()
		err = run(fleet{ota.NewOtaServiceClient(connection), longrunning.NewOperationsClient(connection)}, os.Args[1:])
	}
	if err != nil {
		fmt.Println(failureOf(status.Convert(err)))
		os.Exit(1)
	}
}

func run(f fleet, args []string) error {
	switch {
	case len(args) > 1 && args[0] == "cancel":
		return f.cancel(args[1:])
	case len(args) == 3 && args[0] == "submit":
		return f.submit(args[1], args[2])
	case len(args) == 1 && args[0] == "rollout":
		_, err := f.dryRun()
		return err
	case len(args) == 2 && args[0] == "stop":
		return f.stop(args[1], 2*time.Minute)
	case len(args) == 3 && args[0] == "stop":
		if settle, err := strconv.Atoi(args[2]); err == nil {
			return f.stop(args[1], time.Duration(settle)*time.Second)
		}
	}
	fmt.Fprintln(os.Stderr, usage)
	os.Exit(2)
	return nil
}

// Level 1: one call, of up to 10,000 devices. An error means that no device ended well.
func (f fleet) cancel(names []string) error {
	ctx, done := within(30 * time.Second)
	defer done()
	answer, err := f.gateway.CancelTasksByDevice(ctx, &ota.CancelTasksByDeviceRequest{
		ProductKey: productKey, FirmwareId: firmwareID, DeviceNames: names, Reason: "bad build 42"})
	if err != nil {
		return err
	}
	printResults(answer.Results)
	return nil
}

// Level 2: a list of any length, which the gateway goes on with if this program ends.
func (f fleet) submit(requestID, file string) error {
	list, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name, err := started(requestID, func() (*longrunning.Operation, error) {
		ctx, done := within(10 * time.Minute)
		defer done()
		stream, err := f.gateway.SubmitCancelTasksByDevice(ctx)
		if err != nil {
			return nil, err
		}
		spec := &ota.CancelSpec{RequestId: requestID, ProductKey: productKey, FirmwareId: firmwareID,
			Priority: ota.Priority_PRIORITY_BULK, TimeToLive: durationpb.New(time.Hour)}
		for names := strings.Fields(string(list)); len(names) > 0 || spec != nil; spec = nil {
			count := min(10_000, len(names))
			message := &ota.SubmitCancelTasksByDeviceRequest{Spec: spec, DeviceNames: names[:count]}
			if stream.Send(message) != nil {
				break // CloseAndRecv has the error
			}
			names = names[count:]
		}
		return stream.CloseAndRecv()
	})
	if err != nil {
		return err
	}
	operation, err := wait(f.operations, name, func(running *longrunning.Operation) {
		var state ota.SubmitCancelTasksByDeviceMetadata
		if running.Metadata.UnmarshalTo(&state) == nil {
			fmt.Fprintln(os.Stderr, state.DevicesWaiting, "of", state.Devices, "devices wait", state.Obstacle)
		}
	})
	if err != nil {
		return err
	}
	var state ota.SubmitCancelTasksByDeviceMetadata
	if err := operation.Metadata.UnmarshalTo(&state); err != nil {
		return err
	}
	fmt.Println(state.State)
	for _, count := range state.Outcomes {
		fmt.Println(" ", count.Outcome, count.Devices)
	}
	if operation.GetError() != nil {
		fmt.Println(failureOf(status.FromProto(operation.GetError())))
	}
	return f.printFailed(name)
}

// printFailed reads the devices that did not end well, page by page.
func (f fleet) printFailed(name string) error {
	request := &ota.ListOperationResultsRequest{Name: name, PageSize: 1000, Outcomes: []ota.Outcome{
		ota.Outcome_OUTCOME_REJECTED, ota.Outcome_OUTCOME_UNKNOWN, ota.Outcome_OUTCOME_NOT_ATTEMPTED}}
	for {
		ctx, done := within(30 * time.Second)
		page, err := f.gateway.ListOperationResults(ctx, request)
		done()
		if err != nil {
			return err
		}
		printResults(page.Results)
		if page.NextPageToken == "" {
			return nil
		}
		request.PageToken = page.NextPageToken
	}
}

// Level 3, first half: shows what a stop would reach, and changes nothing.
func (f fleet) dryRun() (*ota.Rollout, error) {
	ctx, done := within(30 * time.Second)
	defer done()
	rollout, err := f.gateway.GetRollout(ctx, &ota.GetRolloutRequest{ProductKey: productKey, FirmwareId: firmwareID})
	if err != nil {
		return nil, err
	}
	for _, job := range rollout.Jobs {
		c := job.Counts
		open := c.GetConfirm() + c.GetQueued() + c.GetNotified() + c.GetInProgress()
		fmt.Println(job.Kind, job.Status, "open", open, "installed", c.GetSucceeded())
		if job.Incomplete != "" {
			fmt.Println("  incomplete:", job.Incomplete)
		}
	}
	return rollout, nil
}

// Level 3: stops what the dry run has shown. If another batch was opened since, nothing is done.
func (f fleet) stop(requestID string, settle time.Duration) error {
	name, err := started(requestID, func() (*longrunning.Operation, error) {
		rollout, err := f.dryRun()
		if err != nil {
			return nil, err
		}
		ctx, done := within(30 * time.Second)
		defer done()
		return f.gateway.StopRollout(ctx, &ota.StopRolloutRequest{
			RequestId: requestID, ProductKey: productKey, FirmwareId: firmwareID, Etag: rollout.Etag,
			Reason: "bad build 42", Settle: durationpb.New(settle)})
	})
	if err != nil {
		return err
	}
	operation, err := wait(f.operations, name, func(running *longrunning.Operation) {
		var state ota.StopRolloutMetadata
		if running.Metadata.UnmarshalTo(&state) == nil {
			fmt.Fprintln(os.Stderr, state.Step, state.Obstacle)
		}
	})
	if err != nil {
		return err
	}
	if operation.GetError() != nil {
		return status.FromProto(operation.GetError()).Err()
	}
	var report ota.StopRolloutResponse
	if err := operation.GetResponse().UnmarshalTo(&report); err != nil {
		return err
	}
	fmt.Println("stopped", report.Stopped)
	for _, job := range report.Jobs {
		fmt.Println(" ", job.After.GetKind(), "left", job.Left, "may still install", job.MayStillInstall)
	}
	return nil
}

func printResults(results []*ota.DeviceResult) {
	for _, result := range results {
		why := failureOf(status.FromProto(result.Status))
		fmt.Println(strings.TrimSpace(strings.Join([]string{
			result.DeviceName, result.Outcome.String(), why.reason, why.upstreamCode}, " ")))
	}
}

func setting(variable, usual string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return usual
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
