package pbx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"callreel/internal/pbx/wsdl11"
)

// caller sends single operations to one PBX.
type caller struct {
	url  string
	wire string
	http *http.Client
}

// call sends op and returns its response element. timeout bounds the whole
// exchange. A fault comes back as a *FaultError, an HTTP error with its status.
func (c *caller) call(ctx context.Context, timeout time.Duration, op operation, args ...any) (*node, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.wire == wireV11 {
		op = op.v11()
	}
	n, err := c.exchange(ctx, op, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.name, err)
	}
	return n, nil
}

func (c *caller) exchange(ctx context.Context, op operation, args []any) (*node, error) {
	envelope, err := encode(op, args...)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(envelope))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"`+op.action+`"`)
	req.Header.Set("User-Agent", "callreel")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := refused(res); err != nil {
		return nil, err
	}
	raw, err := readBounded(res.Body, maxAnswer)
	if err != nil {
		return nil, err
	}
	return answer(raw, res, op)
}

// refused explains the statuses that carry no SOAP.
func refused(res *http.Response) error {
	switch {
	case res.StatusCode == http.StatusOK, res.StatusCode == http.StatusInternalServerError:
		return nil
	case res.StatusCode == http.StatusUnauthorized:
		return statusError(res.StatusCode, "HTTP 401: the PBX refuses user or password")
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return statusError(res.StatusCode, "HTTP %d: the PBX redirects, which is not followed; check the url", res.StatusCode)
	default:
		_, _ = io.CopyN(io.Discard, res.Body, 4096)
		return statusError(res.StatusCode, "HTTP %d", res.StatusCode)
	}
}

func answer(raw []byte, res *http.Response, op operation) (*node, error) {
	root, err := parse(raw, res.Header.Get("Content-Type"))
	if err == nil {
		var n *node
		n, err = body(root, op)
		if err == nil && res.StatusCode == http.StatusOK {
			return n, nil
		}
	}
	var fault *FaultError
	if res.StatusCode != http.StatusOK && !errors.As(err, &fault) {
		return nil, fmt.Errorf("HTTP %d without a SOAP fault", res.StatusCode)
	}
	return nil, err
}

// initialize opens a session; the answer's Return_ is never 0.
func (c *caller) initialize(ctx context.Context, timeout time.Duration, user string) (*wsdl11.InitializeResponse, error) {
	n, err := c.call(ctx, timeout, opInitialize(), user, "callreel", true, true, true, true, true)
	if err != nil {
		return nil, err
	}
	var r reader
	res := &wsdl11.InitializeResponse{Return_: r.integer(n, "return"), Key: r.integer(n, "key")}
	if r.err == nil && res.Return_ == 0 {
		return nil, errors.New("the PBX opens no session for this user; is its long name right?")
	}
	return res, r.err
}

func (c *caller) end(ctx context.Context, timeout time.Duration, session int32) error {
	_, err := c.call(ctx, timeout, opEnd(), session)
	return err
}

func (c *caller) echo(ctx context.Context, timeout time.Duration, session, key int32) (alive bool, err error) {
	n, err := c.call(ctx, timeout, opEcho(), session, key)
	if err != nil {
		return false, err
	}
	var r reader
	return r.integer(n, "return") != 0, r.err
}

func (c *caller) poll(ctx context.Context, timeout time.Duration, session int32) (*wsdl11.AnyInfo, error) {
	n, err := c.call(ctx, timeout, opPoll(), session)
	if err != nil {
		return nil, err
	}
	var r reader
	info := r.anyInfo(n.child("return"))
	return info, r.err
}

func (c *caller) calls(ctx context.Context, timeout time.Duration, session int32, cn string) ([]*wsdl11.CallInfo, error) {
	n, err := c.call(ctx, timeout, opCalls(), session, cn)
	if err != nil {
		return nil, err
	}
	var r reader
	list := r.callInfos(n)
	return list, r.err
}

// userInitialize asks for the call events of one user. xfer is off, so that a
// leg ends for the agent when he transfers the call away; disc is off, so that
// it ends with the call and not with the handset.
func (c *caller) userInitialize(ctx context.Context, timeout time.Duration, session int32, cn string) (int32, error) {
	n, err := c.call(ctx, timeout, opUserInitialize(), session, cn, false, false, "")
	if err != nil {
		return 0, err
	}
	var r reader
	return r.integer(n, "return"), r.err
}

func (c *caller) userEnd(ctx context.Context, timeout time.Duration, handle int32) error {
	_, err := c.call(ctx, timeout, opUserEnd(), handle)
	return err
}

func (c *caller) version(ctx context.Context, timeout time.Duration) (*wsdl11.VersionResponse, error) {
	n, err := c.call(ctx, timeout, opVersion())
	if err != nil {
		return nil, err
	}
	var r reader
	name := "WSDLVersion"
	if c.wire == wireV11 {
		name = "VersionResult"
	}
	return &wsdl11.VersionResponse{
		VersionResult: r.integer(n, name), GatekeeperID: n.text("GatekeeperID"), Location: n.text("Location"),
		FirmwareVersion: n.text("FirmwareVersion"), SerialNumber: n.text("SerialNumber"),
	}, r.err
}

// locationURL asks where the PBX of a location is. The version flags are
// strings here; any text that is not empty sets them.
func (c *caller) locationURL(ctx context.Context, timeout time.Duration, loc string, tls bool) (string, error) {
	n, err := c.call(ctx, timeout, opLocationURL(), "true", "true", "true", "true", loc, tls)
	if err != nil {
		return "", err
	}
	return n.text("return"), nil
}
