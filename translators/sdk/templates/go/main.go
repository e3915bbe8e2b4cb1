// Numbers the lines of its input, from `start` on.
//
// A translator reads standard input and writes standard output. Parameters come as arguments, `start=1`. What it
// prints to standard error is in the log, and any exit code but 0 is an error for whoever reads the file.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

const bufferBytes = 64 * 1024

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	start, err := start(os.Args[1:])
	if err != nil {
		return err
	}
	input := bufio.NewReaderSize(os.Stdin, bufferBytes)
	output := bufio.NewWriterSize(os.Stdout, bufferBytes)
	if err := numberLines(start, input, output); err != nil {
		return err
	}
	return output.Flush()
}

// start reads the parameter of that name. The manifest has its default, so it always comes.
func start(args []string) (int64, error) {
	start := int64(1)
	for _, arg := range args {
		value, found := strings.CutPrefix(arg, "start=")
		if !found {
			return 0, fmt.Errorf("expected start=NUMBER and got %s", arg)
		}
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parameter start is a whole number, not %s", value)
		}
		start = number
	}
	return start, nil
}

// numberLines takes lines as bytes, as a file need not be UTF-8. One is in memory at a time.
func numberLines(start int64, input *bufio.Reader, output *bufio.Writer) error {
	for number := start; ; number++ {
		line, err := input.ReadBytes('\n')
		if len(line) > 0 {
			fmt.Fprintf(output, "%d\t", number)
			output.Write(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
