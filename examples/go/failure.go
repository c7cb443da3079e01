// Reads why a request or a device failed. The gateway's errors carry details; an error without them
// comes from the connection.
package main

import (
	"fmt"
	"strings"
	"time"

	// Details cannot be decoded unless this package is linked in. The cases below do that; a
	// program that names none of its types has to import it as _.
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

type failure struct {
	code         string
	reason       string // stable, such as OVERLOADED; empty if no gateway answered
	upstreamCode string // the cloud's code, if the cloud refused
	message      string
	violations   []string
	retryAfter   time.Duration // zero if a retry makes no sense
}

func failureOf(s *status.Status) failure {
	f := failure{code: code.Code(s.Code()).String(), message: s.Message()}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			f.reason, f.upstreamCode = detail.Reason, detail.Metadata["upstream_code"]
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay
			f.retryAfter = time.Duration(delay.GetSeconds())*time.Second + time.Duration(delay.GetNanos())
		case *errdetails.BadRequest:
			for _, v := range detail.FieldViolations {
				f.violations = append(f.violations, v.Field+" "+v.Description)
			}
		}
	}
	return f
}

func (f failure) String() string {
	lines := []string{strings.TrimSpace(f.code+" "+f.reason) + ": " + f.message}
	for _, violation := range f.violations {
		lines = append(lines, "  "+violation)
	}
	if f.retryAfter > 0 {
		lines = append(lines, fmt.Sprintf("  retry after %.1f s", f.retryAfter.Seconds()))
	}
	return strings.Join(lines, "\n")
}
