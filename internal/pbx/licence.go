package pbx

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLicences bounds the PBX's list of licences, in bytes.
const maxLicences = 1 << 20

// Licences asks a PBX, at its main address and else at the standby one, how many
// licences of a name are installed. path is where the PBX shows its list: an XML
// document with <lic name="…" count="…"/> elements anywhere (FACTS §6).
func Licences(ctx context.Context, cfg Config, path, name string) (int, error) {
	cfg = cfg.WithDefaults()
	web, err := newHTTPClient(cfg)
	if err != nil {
		return 0, err
	}
	defer web.CloseIdleConnections()
	var all error
	for _, address := range cfg.addresses() {
		n, err := licencesAt(ctx, web, cfg, address, path, name)
		if err == nil || ctx.Err() != nil {
			return n, err
		}
		all = errors.Join(all, fmt.Errorf("read the licences of PBX %s: %w", cfg.Name, err))
	}
	return 0, all
}

func licencesAt(ctx context.Context, web *http.Client, cfg Config, address, path, name string) (int, error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, err
	}
	u.Path, u.RawQuery = path, ""
	ctx, cancel := context.WithTimeout(ctx, time.Duration(cfg.CallTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), bytes.NewReader(nil))
	if err != nil {
		return 0, err
	}
	res, err := web.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, statusError(res.StatusCode, "%s answers %s to %s", u.Host, res.Status, path)
	}
	raw, err := readBounded(res.Body, maxLicences)
	if err == nil {
		raw, err = toUTF8(raw, res.Header.Get("Content-Type"))
	}
	if err != nil {
		return 0, err
	}
	return countLicences(raw, name)
}

// countLicences adds up the licences of one name. That there is none of that name is
// an error that says which there are: the name may be misspelt.
func countLicences(raw []byte, name string) (int, error) {
	counts := map[string]int{}
	d := xml.NewDecoder(bytes.NewReader(raw))
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("the list of licences is not XML: %w", err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok || e.Name.Local != "lic" {
			continue
		}
		of, count, err := licence(e)
		if err != nil {
			return 0, err
		}
		if counts[of] += count; len(counts) > 10_000 || counts[of] > mostLicences {
			return 0, errors.New("the list of licences is longer than any PBX's")
		}
	}
	n, ok := counts[name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(counts)), ", ")
		return 0, fmt.Errorf("the PBX has no licence called %q; it has: %s", name, clip(known))
	}
	return n, nil
}

// mostLicences is more than any PBX has of one name.
const mostLicences = 10_000_000

func licence(e xml.StartElement) (name string, count int, err error) {
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "name":
			name = a.Value
		case "count":
			if count, err = strconv.Atoi(a.Value); err != nil || count < 0 || count > mostLicences {
				return "", 0, fmt.Errorf("the list of licences has a count of %q", clip(a.Value))
			}
		}
	}
	return name, count, nil
}
