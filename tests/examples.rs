//! The programs in `examples/` do what they say.

#[allow(dead_code)]
#[path = "../examples/embed_the_server.rs"]
mod embed_the_server;
#[allow(dead_code)]
#[path = "../examples/own_vector_store.rs"]
mod own_vector_store;
#[allow(dead_code)]
#[path = "../examples/search_a_photo.rs"]
mod search_a_photo;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use crate::helpers::{PRODUCTS, Shop, new_photo_of};
use crate::running_server::{Reply, receive};

#[test]
fn a_photo_is_searched_for_in_a_folder() {
    let shop = Shop::new();
    let photo = shop.beside("query.jpg", new_photo_of(1));
    let answer = search_a_photo::search(&shop.photos(), &photo).expect("an answer");
    assert_eq!(answer.matches[0].product.id, PRODUCTS[1]);
}

#[test]
fn an_own_vector_store_answers_as_the_index_does() {
    let shop = Shop::new();
    for product in [0, 3] {
        let photo = shop.beside("query.jpg", new_photo_of(product));
        let own = own_vector_store::search(&shop.photos(), &photo).expect("an answer");
        let usual = search_a_photo::search(&shop.photos(), &photo).expect("an answer");
        assert_eq!(own.matches[0].product.id, PRODUCTS[product]);
        let evidence = |answer: &lookalike::Answer| -> Vec<String> {
            answer.matches[0].evidence.iter().map(|photo| photo.photo.clone()).collect()
        };
        assert_eq!(evidence(&own), evidence(&usual));
    }
}

#[test]
fn the_server_runs_inside_another_programs() {
    let shop = Shop::new();
    shop.build_with(&shop.photos(), "bundled".as_ref()).ok();
    let router = embed_the_server::shop(&shop.index()).expect("a router");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { axum::serve(listener, service).await });
    let ask = |first: &str, body: &[u8]| -> Reply {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let length = body.len();
        let head = format!(
            "{first} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
        receive(stream)
    };
    assert_eq!(ask("GET /", b"").text(), "the shop");
    let answer = ask("POST /search/v1/similar", &new_photo_of(2)).json();
    assert_eq!(answer["matches"][0]["product"]["id"], PRODUCTS[2]);
}
