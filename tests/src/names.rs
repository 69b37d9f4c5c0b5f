//! The name server of a test bed: names of pods and virtual services, which a test may change at any time.
//!
//! It knows addresses of IPv4 and nothing else, and lets nobody keep an answer, so a change is seen by the next question.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

type Table = BTreeMap<String, Vec<Ipv4Addr>>;

/// A running name server; it ends when it is dropped.
#[derive(Debug)]
pub struct Names {
    table: Arc<Mutex<Table>>,
    task: JoinHandle<()>,
}

/// The only type of record there is here.
const A: u16 = 1;

/// The header of a message: an id, flags, four counts.
const HEADER: usize = 12;

impl Names {
    /// Answers on port 53 of an address.
    pub async fn serve(address: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::from((address, 53))).await.expect("the namespace's port 53 is free");
        let table = Arc::new(Mutex::new(Table::new()));
        let task = tokio::spawn(answer_all(socket, table.clone()));
        Self { table, task }
    }

    /// Makes a name resolve to these addresses, in this order.
    pub fn set(&self, name: &str, addresses: Vec<Ipv4Addr>) {
        self.table.lock().expect("no holder panics").insert(name.into(), addresses);
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_all(socket: UdpSocket, table: Arc<Mutex<Table>>) {
    let mut buffer = [0; 512];
    loop {
        // An error here is about an answer that did not arrive.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let answer = buffer.get(..length).and_then(|query| answer(query, &table.lock().expect("no holder panics")));
        if let Some(answer) = answer {
            // A client that is gone needs no answer.
            let _ = socket.send_to(&answer, client).await;
        }
    }
}

/// The answer to a query with one question; nothing for what is no such query.
fn answer(query: &[u8], table: &Table) -> Option<Vec<u8>> {
    let (name, end) = question(query)?;
    let kind = u16::from_be_bytes(query.get(end..end + 2)?.try_into().ok()?);
    let known = table.get(&name);
    let addresses = known.filter(|_| kind == A).map(Vec::as_slice).unwrap_or_default();
    let no_such_name = if known.is_some() { 0 } else { 3 };
    let mut answer = query.get(..2)?.to_vec();
    // An authoritative response, recursion asked for and available; one question, the addresses, and no more.
    answer.extend([0x85, 0x80 | no_such_name, 0, 1]);
    answer.extend(u16::try_from(addresses.len()).ok()?.to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(query.get(HEADER..end + 4)?);
    for address in addresses {
        // The name is the question's; an address of the internet class, valid for no time, four bytes long.
        answer.extend([0xc0, HEADER as u8, 0, A as u8, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

/// The name that is asked for, and where it ends.
fn question(query: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), HEADER);
    loop {
        let length = usize::from(*query.get(at)?);
        let label = query.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(label).to_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `red.pods`, as a query with id 7.
    fn query(kind: u8) -> Vec<u8> {
        let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(b"\x03red\x04pods\x00");
        query.extend([0, kind, 0, 1]);
        query
    }

    #[test]
    fn a_name_has_its_addresses_in_order() {
        let table = Table::from([("red.pods".into(), vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)])]);
        let answer = answer(&query(1), &table).unwrap();
        assert_eq!(answer[..8], [0, 7, 0x85, 0x80, 0, 1, 0, 2]);
        assert!(answer.ends_with(&[0, 4, 10, 0, 0, 2]));
    }

    #[test]
    fn an_unknown_name_does_not_exist_and_a_known_one_has_no_ipv6() {
        let table = Table::from([("red.pods".into(), vec![Ipv4Addr::LOCALHOST])]);
        assert_eq!(answer(&query(1), &Table::new()).unwrap()[3], 0x83);
        assert_eq!(answer(&query(28), &table).unwrap()[3..8], [0x80, 0, 1, 0, 0]);
        assert_eq!(answer(b"nonsense", &table), None);
    }
}
