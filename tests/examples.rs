//! The programs in `examples/` do what they say.

#[allow(dead_code)]
#[path = "../examples/own_vector_store.rs"]
mod own_vector_store;
#[allow(dead_code)]
#[path = "../examples/search_a_photo.rs"]
mod search_a_photo;

use crate::helpers::{PRODUCTS, Shop, new_photo_of};

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
