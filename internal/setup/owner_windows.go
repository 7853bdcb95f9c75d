package setup

import "os"

// keepOwner does nothing: a file's rights come from its folder here.
func keepOwner(string, os.FileInfo) error { return nil }
