// Package daemon is how callreel stands under the service managers of Linux and
// Windows: what it tells systemd while it runs, the unit it is run by, and how it is
// installed, started and removed on both. It knows no setup: which folders and ports a
// recorder needs is handed to it.
package daemon
