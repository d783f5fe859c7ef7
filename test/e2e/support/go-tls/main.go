// An HTTPS server and client of Go's own crypto/tls, for the TLS tests.
//
//	go-tls server PORT LOG CERTIFICATE KEY
//	go-tls client PORT LOAD COUNT SIZE 1|2
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
)

const shifts = 4093

func number(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func serve() {
	file, err := os.Create(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	var lock sync.Mutex
	server := &http.Server{Addr: fmt.Sprintf(":%d", number(2))}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if _, err := w.Write(body); err != nil {
			return
		}
		lock.Lock()
		defer lock.Unlock()
		fmt.Fprintf(file, "%s 200 OK\n", r.URL.Path)
	})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		<-stop
		server.Shutdown(context.Background())
		close(done)
	}()
	fmt.Fprintln(os.Stderr, "listening")
	server.ListenAndServeTLS(os.Args[4], os.Args[5])
	<-done
	file.Close()
}

func makeText(length int) []byte {
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := make([]byte, length)
	state := uint32(2463534242)
	for i := range text {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		text[i] = letters[state&63]
	}
	return text
}

func ask() {
	port, load, count, size := number(2), number(3), number(4), number(5)
	text := makeText(size + shifts)
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: number(6) == 2,
	}
	client := &http.Client{Transport: transport}
	var wait sync.WaitGroup
	for lane := 0; lane < 8; lane++ {
		wait.Add(1)
		go func(lane int) {
			defer wait.Done()
			for n := lane; n < count; n += 8 {
				id := fmt.Sprintf("%03d%09d", load, n)
				value, _ := strconv.Atoi(id)
				body := append([]byte(id+":"), text[value%shifts:value%shifts+size]...)[:size]
				answer, err := client.Post(fmt.Sprintf("https://127.0.0.1:%d/echo/%s", port, id), "text/plain", bytes.NewReader(body))
				if err != nil {
					log.Fatal(err)
				}
				same, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if err != nil || !bytes.Equal(same, body) {
					log.Fatal(id, ": another answer: ", err)
				}
			}
		}(lane)
	}
	wait.Wait()
	transport.CloseIdleConnections()
}

func main() {
	if os.Args[1] == "server" {
		serve()
	} else {
		ask()
	}
}
