package setup

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// OwnAddress is this machine's address on its way to a host, "THIS-MACHINE" where that
// cannot be told. Nothing is sent.
func OwnAddress(ctx context.Context, host string) string {
	const unknown = "THIS-MACHINE"
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(host, "9"))
	if err != nil {
		return unknown
	}
	defer conn.Close()
	addr, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return unknown
	}
	return addr.IP.String()
}

// Instructions say what is to be done at the PBX and at the phones now.
func Instructions(d *Draft, file string, own func(host string) string) string {
	var b strings.Builder
	fmt.Fprintln(&b, "What is left to do:")
	for i := range d.Len("pbx") {
		u, err := url.Parse(d.Text("pbx", i, "url"))
		if err != nil {
			continue
		}
		name := d.Text("pbx", i, "name")
		if name == "" {
			name = "pbx"
		}
		fmt.Fprintf(&b, "- At the PBX %s (%s), under CDR0 or CDR1, choose the type HTTP and enter the URL\n  %s\n", name, u.Host, d.cdrURL(own(u.Hostname())))
		if user := d.Text("receiver", -1, "user"); user != "" {
			fmt.Fprintf(&b, "  with the user %q and the password that you have just set up.\n", user)
		}
		if group := d.Text("pbx", i, "group"); group != "" {
			fmt.Fprintf(&b, "- Put who is to be recorded into the group %q; %q must be an active member of it.\n", group, d.Text("pbx", i, "user"))
		}
	}
	for i := range d.Len("inbox") {
		switch place := d.Text("inbox", i, "url"); place {
		case "":
			fmt.Fprintf(&b, "- Let phones or gateways put their captures where this machine finds them as\n  %s\n", d.Text("inbox", i, "path"))
		default:
			fmt.Fprintf(&b, "- At each phone or gateway that records enter the URL\n  %s\n", place)
		}
	}
	fmt.Fprintln(&b, "- Keep copies of the key ring (callreel.keys, made at the first start) and of the key of the\n  setup, each apart from what it opens.")
	fmt.Fprintf(&b, "- Start the recorder: callreel run --config %s\n", file)
	return b.String()
}

// cdrURL is where the PBX sends its records to.
func (d *Draft) cdrURL(own string) string {
	host, port, err := net.SplitHostPort(d.Text("receiver", -1, "listen"))
	if err != nil {
		host, port = "127.0.0.1", "8901"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = own
	}
	path := d.Text("receiver", -1, "path")
	if path == "" {
		path = "/cdr"
	}
	return "http://" + net.JoinHostPort(host, port) + path
}
