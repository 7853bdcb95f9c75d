package setup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"callreel/internal/atomicfile"
)

// remedy is why something did not work, and what helps.
type remedy struct{ why, do string }

// httpStatus is an error that a server's answer stands behind.
type httpStatus interface{ HTTPStatus() int }

// diagnose puts an error of the net or of a disk into the operator's words.
func diagnose(err error) remedy {
	for _, by := range []func(error) (remedy, bool){ofStatus, ofTLS, ofDisk, ofNet} {
		if r, ok := by(err); ok {
			return r
		}
	}
	return remedy{why: err.Error()}
}

func ofStatus(err error) (remedy, bool) {
	var status httpStatus
	if !errors.As(err, &status) {
		return remedy{}, false
	}
	switch code := status.HTTPStatus(); {
	case code == 401:
		return remedy{"user or password is not accepted (401)", "Enter both anew; capital letters count."}, true
	case code == 403:
		return remedy{"the user may not do this (403)", "Give the user the right to do it at the server."}, true
	case code == 404 || code == 410:
		return remedy{fmt.Sprintf("the server answers, and has nothing at this address (%d)", code), "Look at the path of the URL, letter by letter; capital letters count."}, true
	case code >= 300 && code < 400:
		return remedy{fmt.Sprintf("the server sends us to another address (%d), which is not followed", code), "Enter the real address; often it begins with https instead of http."}, true
	case code == 405 || code == 501:
		return remedy{fmt.Sprintf("the server does not take this kind of request here (%d)", code), "Look whether this is the right address, and whether WebDAV is switched on there."}, true
	case code == 507:
		return remedy{"the server's disk is full (507)", "Make room there."}, true
	case code == 423:
		return remedy{"the file is locked by somebody else (423)", "Try again."}, true
	case code >= 500:
		return remedy{fmt.Sprintf("the server answers that it has a fault of its own (%d)", code), "Look into the server's log."}, true
	default:
		return remedy{fmt.Sprintf("the server answers with %d", code), "Look whether this is the right address."}, true
	}
}

func ofTLS(err error) (remedy, bool) {
	const trust = `Enter a file with the certificate (PEM) as ca_file, or its SHA-256 as pin_sha256 for an inbox.`
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return remedy{"its certificate is made out to another name: " + host.Error(), "Enter the name that the certificate has, or give the server another certificate."}, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return remedy{"its certificate has expired, or is not valid yet", "Give the server another certificate; look at the clocks too."}, true
	case errors.As(err, &unknown), errors.As(err, &invalid):
		return remedy{"its certificate is signed by nobody whom this machine knows", trust}, true
	case errors.As(err, &record), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return remedy{"it does not speak TLS at this port", "Enter the address with http, or with the port of https."}, true
	case strings.Contains(err.Error(), "pin_sha256"):
		return remedy{err.Error(), "If the server has a new certificate, enter its SHA-256 as pin_sha256."}, true
	}
	return remedy{}, false
}

func ofDisk(err error) (remedy, bool) {
	var path *fs.PathError
	isPath := errors.As(err, &path)
	switch {
	case atomicfile.IsFull(err):
		return remedy{"the disk, or this user's share of it, is full", "Make room, or take another disk."}, true
	case errors.Is(err, syscall.EROFS):
		return remedy{"it can only be read: it is mounted read-only", "Mount it for writing; after an error of the disk systems do this by themselves."}, true
	case errors.Is(err, fs.ErrPermission):
		return remedy{"this user may not do that: " + err.Error(), "Give the user that callreel runs as the right to read, write and delete there."}, true
	case isPath && errors.Is(err, fs.ErrNotExist):
		return remedy{"it is not there: " + err.Error(), "Look at the path; is the drive mounted, and for the user that callreel runs as?"}, true
	case isPath && errors.Is(err, syscall.ENOTDIR):
		return remedy{"it is no folder", "Enter a folder."}, true
	}
	return remedy{}, false
}

// The numbers that Windows gives where other systems give ECONNREFUSED and
// EHOSTUNREACH.
const (
	errRefusedWindows     = syscall.Errno(10061)
	errUnreachableWindows = syscall.Errno(10065)
)

func ofNet(err error) (remedy, bool) {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return remedy{fmt.Sprintf("the name %q is not known to this machine", dns.Name), "Enter the right name, or the IP address."}, true
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, errRefusedWindows):
		return remedy{"the machine is there, and nothing listens at this port", "Look at the port, and whether the service is switched on there."}, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, errUnreachableWindows):
		return remedy{"there is no way to this address", "Look at the address, and at the network of this machine."}, true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout(), strings.Contains(err.Error(), "the server sends nothing"):
		return remedy{"there is no answer in time", "Look at the address, and whether a firewall stands between."}, true
	}
	return remedy{}, false
}
