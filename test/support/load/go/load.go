// Cancels each device that is named on standard input, all at the same time, with the client of
// examples/go. One line for each says what became of it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"

	ota "example.com/fleet/gen/ota/v1"
)

// A program has one main, which is the example's. This runs before it.
func init() {
	if len(os.Args) != 2 || os.Args[1] != "load" {
		return
	}
	connection, err := connect()
	if err != nil {
		panic(err)
	}
	f := fleet{gateway: ota.NewOtaServiceClient(connection)}
	var unanswered sync.WaitGroup
	for names := bufio.NewScanner(os.Stdin); names.Scan(); {
		unanswered.Add(1)
		go func(name string) {
			defer unanswered.Done()
			if err := f.cancel([]string{name}); err != nil {
				fmt.Println(name, err)
			}
		}(names.Text())
	}
	unanswered.Wait()
	os.Exit(0)
}
