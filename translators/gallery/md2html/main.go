// Markdown (CommonMark, with GitHub's tables, task lists, strikethrough and bare links) to HTML, on goldmark.
package main

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"os"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	renderer "github.com/yuin/goldmark/renderer/html"
)

func main() {
	options, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := convert(os.Stdin, os.Stdout, options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	title  string
	page   bool
	unsafe bool
}

// parse reads the parameters of the manifest, which come as NAME=VALUE.
func parse(args []string) (options, error) {
	var parsed options
	for _, arg := range args {
		name, value, found := strings.Cut(arg, "=")
		if !found {
			return parsed, fmt.Errorf("Expected NAME=VALUE and got %q", arg)
		}
		var err error
		switch name {
		case "title":
			parsed.title = value
		case "page":
			parsed.page, err = flag(name, value)
		case "unsafe":
			parsed.unsafe, err = flag(name, value)
		default:
			err = fmt.Errorf("There is no parameter %q; there are: title, page, unsafe", name)
		}
		if err != nil {
			return parsed, err
		}
	}
	return parsed, nil
}

func flag(name, value string) (bool, error) {
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("Parameter %s is true or false, not %q", name, value)
}

func convert(input io.Reader, output io.Writer, options options) error {
	source, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	// HTML is text: what is not UTF-8, and the NUL that it forbids, become U+FFFD.
	source = bytes.ToValidUTF8(source, []byte("\uFFFD"))
	source = bytes.TrimPrefix(source, []byte("\uFEFF"))

	var body bytes.Buffer
	if err := converter(options).Convert(source, &body); err != nil {
		return err
	}
	result := bytes.ReplaceAll(body.Bytes(), []byte{0}, []byte("\uFFFD"))
	if options.page || options.title != "" {
		result = page(options.title, result)
	}
	_, err = output.Write(result)
	return err
}

func converter(options options) goldmark.Markdown {
	var rendering []goldmark.Option
	if options.unsafe {
		rendering = append(rendering, goldmark.WithRendererOptions(renderer.WithUnsafe()))
	}
	return goldmark.New(append(rendering,
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)...)
}

// page wraps the body in a document of its own.
func page(title string, body []byte) []byte {
	var document bytes.Buffer
	document.WriteString("<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>")
	document.WriteString(html.EscapeString(title))
	document.WriteString("</title>\n</head>\n<body>\n")
	document.Write(body)
	document.WriteString("</body>\n</html>\n")
	return document.Bytes()
}
