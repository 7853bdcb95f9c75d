package pbx

import (
	"fmt"
	"strconv"

	"callreel/internal/pbx/wsdl11"
)

//go:generate go tool gowsdl -d . -p wsdl11 -o messages.go wsdl/pbx11_00_trimmed.wsdl

// reader turns elements into the message types that gowsdl made of the WSDL.
// It keeps the first value that was no number or boolean; an element that is
// missing, empty or nil is the zero value.
type reader struct{ err error }

func (r *reader) integer(n *node, name string) int32 {
	s := n.text(name)
	if s == "" {
		return 0
	}
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("<%s> in <%s> is %q, not an int", name, n.name, clip(s))
	}
	return int32(v)
}

func (r *reader) boolean(n *node, name string) bool {
	switch s := n.text(name); s {
	case "true", "1":
		return true
	case "false", "0", "":
		return false
	default:
		if r.err == nil {
			r.err = fmt.Errorf("<%s> in <%s> is %q, not a boolean", name, n.name, clip(s))
		}
		return false
	}
}

func (r *reader) anyInfo(n *node) *wsdl11.AnyInfo {
	var a wsdl11.AnyInfo
	for _, u := range n.list("user") {
		a.User = append(a.User, r.userInfo(u))
	}
	for _, c := range n.list("call") {
		a.Call = append(a.Call, r.callInfo(c))
	}
	return &a
}

func (r *reader) userInfo(n *node) *wsdl11.UserInfo {
	u := &wsdl11.UserInfo{
		Active: r.boolean(n, "active"), Cn: n.text("cn"), Dn: n.text("dn"), Type_: n.text("type"),
		E164: n.text("e164"), H323: n.text("h323"), State: r.integer(n, "state"),
		Channel: r.integer(n, "channel"), Alert: r.integer(n, "alert"), Guid: n.text("guid"),
		Loc: n.text("loc"), Node: n.text("node"), Object: n.text("object"),
	}
	for _, g := range n.list("groups") {
		u.Groups = append(u.Groups, &wsdl11.Group{Group: g.text("group"), Active: r.boolean(g, "active")})
	}
	return u
}

func (r *reader) callInfo(n *node) *wsdl11.CallInfo {
	c := &wsdl11.CallInfo{
		User: r.integer(n, "user"), Call: r.integer(n, "call"), Reg: r.integer(n, "reg"),
		Active: r.boolean(n, "active"), State: r.integer(n, "state"), Msg: n.text("msg"),
	}
	for _, no := range n.list("No") {
		c.No = append(c.No, &wsdl11.No{
			Type_: no.text("type"), Cn: no.text("cn"), Dn: no.text("dn"), E164: no.text("e164"), H323: no.text("h323"),
		})
	}
	for _, i := range n.list("info") {
		c.Info = append(c.Info, &wsdl11.Info{Type_: i.text("type"), Vali: r.integer(i, "vali"), Vals: i.text("vals")})
	}
	return c
}

// callInfos reads the answer to Calls: v10 has one <return> with items, v11
// repeats <CallInfo>.
func (r *reader) callInfos(n *node) []*wsdl11.CallInfo {
	var calls []*wsdl11.CallInfo
	for _, c := range append(n.list("return"), n.list("CallInfo")...) {
		calls = append(calls, r.callInfo(c))
	}
	return calls
}
