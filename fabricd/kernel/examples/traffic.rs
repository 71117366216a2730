//! Traffic for the benchmark of ways out: connections and bytes, as many as go through.
//!
//! `traffic serve` takes connections on port 9, greets each with one byte and reads what comes, until its standard
//! input ends. `traffic connect ADDRESS COUNT` makes COUNT connections, one after the other in each of two threads,
//! and resets each when it is greeted: who does not wait for that overruns the server's queue, and then measures how
//! long a lost SYN takes to be sent again. `traffic send ADDRESS MEGABYTES` sends as much by one connection. Both print how many
//! milliseconds it took. Loads are bounded: 1,000,000 connections, 100,000 megabytes.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::sys::socket::{setsockopt, sockopt::Linger};

const PORT: u16 = 9;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().expect("port 9 is free"),
        ["connect", address, count] => {
            println!("{:.2}", connect(server(address), number(count, 1_000_000)).expect("connections"));
        }
        ["send", address, megabytes] => {
            println!("{:.2}", send(server(address), number(megabytes, 100_000)).expect("a connection"));
        }
        _ => panic!("serve | connect ADDRESS COUNT | send ADDRESS MEGABYTES"),
    }
}

fn server(address: &str) -> SocketAddr {
    (address.parse::<IpAddr>().expect("an address"), PORT).into()
}

fn number(word: &str, most: u32) -> u32 {
    word.parse::<u32>().expect("a number").min(most)
}

fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if stream.write_all(b".").is_ok() {
                std::thread::spawn(move || drain(stream));
            }
        }
    });
    println!("ready");
    io::copy(&mut io::stdin(), &mut io::sink()).map(|_| ())
}

/// What has been read is answered with one byte, so that the sender knows when all is there.
fn drain(mut stream: TcpStream) {
    let mut buffer = vec![0; 1 << 18];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
    let _ = stream.write_all(b".");
}

fn greeted(server: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

fn connect(server: SocketAddr, count: u32) -> io::Result<f64> {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let half = || {
            for _ in 0..count / 2 {
                let stream = greeted(server)?;
                // A reset frees the port at once, here and where it is translated.
                setsockopt(&stream.as_fd(), Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 })?;
            }
            Ok(())
        };
        let threads = [scope.spawn(half), scope.spawn(half)];
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })
    .map(|()| begun.elapsed().as_secs_f64() * 1e3)
}

fn send(server: SocketAddr, megabytes: u32) -> io::Result<f64> {
    let mut stream = greeted(server)?;
    let megabyte = vec![0; 1 << 20];
    let begun = Instant::now();
    for _ in 0..megabytes {
        stream.write_all(&megabyte)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_exact(&mut [0])?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
