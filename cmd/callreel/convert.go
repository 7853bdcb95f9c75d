package main

import (
	"context"
	"errors"
	"io"
)

func runConvert(context.Context, []string, io.Writer, io.Writer) error {
	return errors.New("being built")
}
