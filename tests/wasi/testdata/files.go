// What a program does with files, streams and time. The same as files.rs and files.c, with the same output.
//
// GOOS=wasip1 GOARCH=wasm go build -ldflags=-s\ -w -o files.wasm files.go
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"
)

func kind(err error) string {
	switch {
	case errors.Is(err, syscall.ENOTEMPTY):
		return "not empty"
	case errors.Is(err, fs.ErrNotExist):
		return "not found"
	case errors.Is(err, fs.ErrExist):
		return "exists"
	}
	return "other"
}

func must(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func read(path string) string {
	content, err := os.ReadFile(path)
	must(err)
	return string(content)
}

func main() {
	fmt.Println("args", strings.Join(os.Args[1:], ","))
	fmt.Println("env", os.Getenv("GREETING"))

	input, err := io.ReadAll(os.Stdin)
	must(err)
	fmt.Println("stdin", len(input), strings.ToUpper(string(input)))

	must(os.Mkdir("/files/dir", 0o777))
	must(os.WriteFile("/files/dir/a.txt", []byte("hello\n"), 0o666))
	log, err := os.OpenFile("/files/dir/a.txt", os.O_APPEND|os.O_WRONLY, 0)
	must(err)
	_, err = log.WriteString("world\n")
	must(err)
	must(log.Close())
	fmt.Print(read("/files/dir/a.txt"))
	info, err := os.Stat("/files/dir/a.txt")
	must(err)
	fmt.Println("size", info.Size())

	must(os.Rename("/files/dir/a.txt", "/files/dir/b.txt"))
	file, err := os.OpenFile("/files/dir/b.txt", os.O_RDWR, 0)
	must(err)
	_, err = file.Seek(6, io.SeekStart)
	must(err)
	word := make([]byte, 5)
	_, err = io.ReadFull(file, word)
	must(err)
	fmt.Println("seek", string(word))
	must(file.Truncate(5))
	must(file.Close())
	fmt.Println("cut", read("/files/dir/b.txt"))

	must(os.Mkdir("/files/dir/c", 0o777))
	entries, err := os.ReadDir("/files/dir")
	must(err)
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Println("list", strings.Join(names, " "))

	_, err = os.Open("/files/missing")
	fmt.Println("open", kind(err))
	fmt.Println("mkdir", kind(os.Mkdir("/files/dir", 0o777)))
	fmt.Println("rmdir", kind(syscall.Rmdir("/files/dir")))
	fmt.Println("given", read("/given/file"))
	_, err = os.Create("/given/file")
	fmt.Println("write", err != nil)

	must(os.Remove("/files/dir/b.txt"))
	must(os.Remove("/files/dir/c"))
	must(os.Remove("/files/dir"))
	left, err := os.ReadDir("/files")
	must(err)
	fmt.Println("left", len(left))

	start := time.Now()
	time.Sleep(10 * time.Millisecond)
	fmt.Println("slept", time.Since(start) >= 10*time.Millisecond)
	_, err = os.Stderr.WriteString("done\n")
	must(err)
	os.Exit(7)
}
