// Package trust reads the certificates that a setup's ca_file names.
package trust

import (
	"crypto/x509"
	"fmt"
	"os"
)

// Roots reads a file of certificates in PEM form, which are trusted instead of the
// machine's; nil, which is the machine's, for no file.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // what tls.Config takes for the machine's
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return roots, nil
}
