// Command unit writes the systemd unit of the packages.
package main

import (
	"fmt"

	"callreel/internal/daemon"
)

func main() { fmt.Print(daemon.Template()) }
