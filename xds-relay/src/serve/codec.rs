//! The messages of both protocols, in one form, and how they look on the wire.
//!
//! What differs between state of the world and delta is little: how names are asked for, and how a resource is wrapped.
//! So there is one [`Request`] and one [`Response`], and the [`Protocol`] decides at the edge.
//!
//! Responses are written tag by tag around the bytes that each resource was encoded to once. Building the generated
//! messages instead would copy every resource into an `Any` for every stream.

use crate::snapshot::{Version, XdsResource};
use bytes::{Buf, BufMut};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// How a stream tells resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// State of the world: a response holds all there is of its type, for some types all that changed.
    Sotw,
    /// Delta, or incremental: a response holds what changed and names what went.
    Delta,
}

impl Protocol {
    /// `sotw` or `delta`, for labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sotw => "sotw",
            Self::Delta => "delta",
        }
    }
}

/// What an Envoy sent.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Who it is; only in the first request of a stream.
    pub node: Option<Node>,
    /// The type it is about.
    pub type_url: String,
    /// The response it answers; empty where it answers none.
    pub nonce: String,
    /// Why that response was refused.
    pub refusal: Option<String>,
    /// What it asks for.
    pub asks: Asks,
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub enum Asks {
    /// State of the world: these names from now on, all if there never were any.
    Names {
        /// The names.
        names: Vec<String>,
        /// The version last accepted, from whichever stream.
        version: String,
    },
    /// Delta: these names more, those no longer.
    Changes {
        /// Names more.
        subscribe: Vec<String>,
        /// Names no longer.
        unsubscribe: Vec<String>,
        /// What the Envoy has from an earlier stream: versions by name.
        initial: HashMap<String, String>,
    },
}

impl Default for Asks {
    fn default() -> Self {
        Self::Names { names: Vec::new(), version: String::new() }
    }
}

impl From<DiscoveryRequest> for Request {
    fn from(request: DiscoveryRequest) -> Self {
        Self {
            node: request.node,
            type_url: request.type_url,
            nonce: request.response_nonce,
            refusal: request.error_detail.map(|status| status.message),
            asks: Asks::Names { names: request.resource_names, version: request.version_info },
        }
    }
}

impl From<DeltaDiscoveryRequest> for Request {
    fn from(request: DeltaDiscoveryRequest) -> Self {
        Self {
            node: request.node,
            type_url: request.type_url,
            nonce: request.response_nonce,
            refusal: request.error_detail.map(|status| status.message),
            asks: Asks::Changes {
                subscribe: request.resource_names_subscribe,
                unsubscribe: request.resource_names_unsubscribe,
                initial: request.initial_resource_versions,
            },
        }
    }
}

/// What is sent to an Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// How it is written.
    pub protocol: Protocol,
    /// The type it is about.
    pub type_url: Cow<'static, str>,
    /// What the Envoy has of this type once it accepts.
    pub version: Version,
    /// By which it is answered; unique within its stream.
    pub nonce: u64,
    /// What is new or changed, by state of the world for clusters and listeners: all.
    pub resources: Vec<Arc<XdsResource>>,
    /// Names that do not exist (any more); delta alone can say that.
    pub removed: Vec<Arc<str>>,
}

impl Response {
    /// How many bytes [`Response::encode`] writes.
    pub fn encoded_len(&self) -> usize {
        let strings = [(1, 32), (4, self.type_url.len()), (5, digits(self.nonce))];
        let removed = self.removed.iter().map(|name| (6, name.len()));
        let resources = self.resources.iter().map(|resource| (2, self.entry_len(resource)));
        strings.into_iter().chain(removed).chain(resources).map(|(tag, len)| field_len(tag, len)).sum()
    }

    /// Writes the `DiscoveryResponse` or `DeltaDiscoveryResponse`: they agree in all the tags used here.
    pub fn encode(&self, to: &mut impl BufMut) {
        put(1, self.version.to_string().as_bytes(), to);
        for resource in &self.resources {
            self.put_entry(resource, to);
        }
        put(4, self.type_url.as_bytes(), to);
        put(5, self.nonce.to_string().as_bytes(), to);
        for name in &self.removed {
            put(6, name.as_bytes(), to);
        }
    }

    /// A resource's field: an `Any`, or a `Resource` that holds one.
    fn put_entry(&self, resource: &XdsResource, to: &mut impl BufMut) {
        put_header(2, self.entry_len(resource), to);
        if self.protocol == Protocol::Delta {
            put(1, resource.version.to_string().as_bytes(), to);
            put_header(2, any_len(resource), to);
        }
        put(1, resource.of.url().as_bytes(), to);
        put(2, &resource.body, to);
        if self.protocol == Protocol::Delta {
            put(3, resource.name.as_bytes(), to);
        }
    }

    fn entry_len(&self, resource: &XdsResource) -> usize {
        match self.protocol {
            Protocol::Sotw => any_len(resource),
            Protocol::Delta => field_len(1, 32) + field_len(2, any_len(resource)) + field_len(3, resource.name.len()),
        }
    }
}

fn any_len(resource: &XdsResource) -> usize {
    field_len(1, resource.of.url().len()) + field_len(2, resource.body.len())
}

fn field_len(tag: u32, len: usize) -> usize {
    key_len(tag) + encoded_len_varint(len as u64) + len
}

fn put(tag: u32, value: &[u8], to: &mut impl BufMut) {
    put_header(tag, value.len(), to);
    to.put_slice(value);
}

fn put_header(tag: u32, len: usize, to: &mut impl BufMut) {
    encode_key(tag, WireType::LengthDelimited, to);
    encode_varint(len as u64, to);
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

/// The codec of a stream.
#[derive(Debug, Clone, Copy)]
pub struct AdsCodec(pub Protocol);

/// Small buffers, since there is one pair a stream and most messages are small; a response asks for what it needs.
const BUFFERS: (usize, usize) = (1024, 16 * 1024);

impl Codec for AdsCodec {
    type Encode = Response;
    type Decode = Request;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for AdsCodec {
    type Item = Response;
    type Error = Status;

    fn encode(&mut self, response: Response, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(response.encoded_len());
        response.encode(to);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFERS.0, BUFFERS.1)
    }
}

impl Decoder for AdsCodec {
    type Item = Request;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Request>, Status> {
        decode(self.0, from).map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFERS.0, BUFFERS.1)
    }
}

fn decode(protocol: Protocol, from: &mut impl Buf) -> Result<Request, prost::DecodeError> {
    match protocol {
        Protocol::Sotw => DiscoveryRequest::decode(from).map(Request::from),
        Protocol::Delta => DeltaDiscoveryRequest::decode(from).map(Request::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::ResourceType;
    use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse};
    use proptest::prelude::*;

    fn resources() -> impl Strategy<Value = Vec<Arc<XdsResource>>> {
        let of = prop::sample::select(ResourceType::ALL.to_vec());
        let body = prop::collection::vec(any::<u8>(), 0..300);
        let one =
            (of, "[a-z_@./ü]{0,200}", body).prop_map(|(of, name, body)| XdsResource::from_bytes(of, name, body.into()));
        prop::collection::vec(one, 0..8)
    }

    fn responses(protocol: Protocol) -> impl Strategy<Value = Response> {
        let removed = match protocol {
            Protocol::Sotw => 0..1,
            Protocol::Delta => 0..5usize,
        };
        let removed = prop::collection::vec("[a-z]{0,20}".prop_map(Arc::from), removed);
        let of = prop::sample::select(ResourceType::ALL.to_vec());
        (of, any::<u128>(), any::<u64>(), resources(), removed).prop_map(
            move |(of, version, nonce, resources, removed)| Response {
                protocol,
                type_url: of.url().into(),
                version: Version(version),
                nonce,
                resources,
                removed,
            },
        )
    }

    fn written(response: &Response) -> Vec<u8> {
        let mut bytes = Vec::new();
        response.encode(&mut bytes);
        assert_eq!(bytes.len(), response.encoded_len());
        bytes
    }

    proptest! {
        #[test]
        fn state_of_the_world_responses_read_as_what_was_meant(response in responses(Protocol::Sotw)) {
            let read = DiscoveryResponse::decode(written(&response).as_slice()).unwrap();
            prop_assert_eq!(read.version_info, response.version.to_string());
            prop_assert_eq!(read.nonce, response.nonce.to_string());
            prop_assert_eq!(&read.type_url, &response.type_url);
            prop_assert_eq!(read.resources.len(), response.resources.len());
            for (read, meant) in read.resources.iter().zip(&response.resources) {
                prop_assert_eq!(&read.type_url, meant.of.url());
                prop_assert_eq!(&read.value, &meant.body);
            }
        }

        #[test]
        fn delta_responses_read_as_what_was_meant(response in responses(Protocol::Delta)) {
            let read = DeltaDiscoveryResponse::decode(written(&response).as_slice()).unwrap();
            prop_assert_eq!(read.system_version_info, response.version.to_string());
            prop_assert_eq!(read.nonce, response.nonce.to_string());
            prop_assert_eq!(&read.type_url, &response.type_url);
            let removed: Vec<&str> = response.removed.iter().map(AsRef::as_ref).collect();
            prop_assert_eq!(read.removed_resources, removed);
            prop_assert_eq!(read.resources.len(), response.resources.len());
            for (read, meant) in read.resources.iter().zip(&response.resources) {
                let any = read.resource.clone().unwrap();
                prop_assert_eq!(&*read.name, &*meant.name);
                prop_assert_eq!(&read.version, &meant.version.to_string());
                prop_assert_eq!(&any.type_url, meant.of.url());
                prop_assert_eq!(&any.value, &meant.body);
            }
        }
    }

    #[test]
    fn what_is_no_request_is_refused_rather_than_guessed() {
        assert!(decode(Protocol::Delta, &mut [0xffu8; 3].as_slice()).is_err());
    }
}
