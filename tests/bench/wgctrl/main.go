// SPDX-License-Identifier: LGPL-2.1-or-later

// wgctrl-go on the work that the benchmarks give to ours and to wg(8): wgctrl apply DEVICE FILE | show DEVICE.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.zx2c4.com/wireguard/wgctrl"
	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func key(text string) *wgtypes.Key {
	parsed, err := wgtypes.ParseKey(text)
	check(err)
	return &parsed
}

func prefixes(text string) (list []net.IPNet) {
	for _, word := range strings.Split(text, ",") {
		_, prefix, err := net.ParseCIDR(strings.TrimSpace(word))
		check(err)
		list = append(list, *prefix)
	}
	return list
}

// read takes what the benchmarks' files hold; wgctrl-go has no parser of its own.
func read(path string) wgtypes.Config {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	var config wgtypes.Config
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " = ")
		if name == "[Peer]" {
			config.Peers = append(config.Peers, wgtypes.PeerConfig{ReplaceAllowedIPs: true})
			continue
		}
		peer := len(config.Peers) - 1
		switch name {
		case "PrivateKey":
			config.PrivateKey = key(value)
		case "ListenPort":
			port, err := strconv.Atoi(value)
			check(err)
			config.ListenPort = &port
		case "PublicKey":
			config.Peers[peer].PublicKey = *key(value)
		case "PresharedKey":
			config.Peers[peer].PresharedKey = key(value)
		case "AllowedIPs":
			config.Peers[peer].AllowedIPs = prefixes(value)
		case "Endpoint":
			config.Peers[peer].Endpoint, err = net.ResolveUDPAddr("udp", value)
			check(err)
		}
	}
	return config
}

func show(client *wgctrl.Client, name string) {
	device, err := client.Device(name)
	check(err)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, peer := range device.Peers {
		fmt.Fprintf(out, "%s\t%s\t%s\t", peer.PublicKey, peer.PresharedKey, peer.Endpoint)
		for _, prefix := range peer.AllowedIPs {
			fmt.Fprintf(out, "%s,", prefix.String())
		}
		fmt.Fprintf(out, "\t%d\t%d\t%d\n", peer.LastHandshakeTime.Unix(), peer.ReceiveBytes, peer.TransmitBytes)
	}
}

func main() {
	client, err := wgctrl.New()
	check(err)
	switch {
	case len(os.Args) == 4 && os.Args[1] == "apply":
		check(client.ConfigureDevice(os.Args[2], read(os.Args[3])))
	case len(os.Args) == 3 && os.Args[1] == "show":
		show(client, os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: wgctrl apply DEVICE FILE | show DEVICE")
		os.Exit(3)
	}
}
