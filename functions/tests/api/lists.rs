//! Lists: by name, in pages, whatever changes meanwhile.

use crate::api::{Api, SAMPLES};
use serde_json::{Value, json};

async fn create_nodes(api: &Api, names: impl IntoIterator<Item = String>) {
    for name in names {
        api.put("/meshes/m/virtualNodes", json!({ "virtualNodeName": name, "spec": {} })).await.ok();
    }
}

fn names(page: &Value, list: &str, member: &str) -> Vec<String> {
    page[list].as_array().unwrap().iter().map(|line| line[member].as_str().unwrap().to_owned()).collect()
}

/// The names on all pages, with something done between them.
async fn all_pages(api: &Api, limit: usize, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut all, mut query, mut page_number) = (Vec::new(), format!("limit={limit}"), 0);
    loop {
        let page = api.get(&format!("/meshes/m/virtualNodes?{query}")).await.ok();
        let shown = names(&page, "virtualNodes", "virtualNodeName");
        assert!(shown.len() <= limit);
        all.extend(shown);
        let Some(token) = page.get("nextToken") else { return all };
        query = format!("limit={limit}&nextToken={}", token.as_str().unwrap());
        page_number += 1;
        between(page_number).await;
    }
}

#[tokio::test]
async fn pages_of_any_size_show_everything_once_by_name() {
    let api = Api::new();
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    create_nodes(&api, (0..23).rev().map(|n| format!("n{n:02}"))).await;
    let expected: Vec<String> = (0..23).map(|n| format!("n{n:02}")).collect();
    for limit in [1, 7, 22, 23, 24, 100] {
        assert_eq!(all_pages(&api, limit, async |_| ()).await, expected);
    }
}

#[tokio::test]
async fn a_list_being_read_neither_loses_nor_repeats_what_stays() {
    let api = Api::new();
    api.put("/meshes", json!({ "meshName": "m" })).await.ok();
    create_nodes(&api, (0..20).map(|n| format!("n{n:02}"))).await;
    let seen = all_pages(&api, 5, async |page| match page {
        // The last one shown goes, with it what the token points at; others come before and after it.
        1 => {
            api.delete("/meshes/m/virtualNodes/n04").await.ok();
            create_nodes(&api, ["n03a".to_owned(), "n07a".to_owned()]).await;
        }
        2 => drop(api.delete("/meshes/m/virtualNodes/n15").await.ok()),
        _ => (),
    })
    .await;
    let mut expected: Vec<String> = (0..20).map(|n| format!("n{n:02}")).filter(|name| name != "n15").collect();
    expected.insert(8, "n07a".into());
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn meshes_come_in_pages_too_and_deleted_ones_are_gone() {
    let api = Api::new();
    for name in ["c", "a", "d", "b", "e"] {
        api.put("/meshes", json!({ "meshName": name })).await.ok();
    }
    api.delete("/meshes/c").await.ok();
    let first = api.get("/meshes?limit=3").await.ok();
    assert_eq!(names(&first, "meshes", "meshName"), ["a", "b", "d"]);
    let token = first["nextToken"].as_str().unwrap();
    let second = api.get(&format!("/meshes?limit=3&nextToken={token}")).await.ok();
    assert_eq!(names(&second, "meshes", "meshName"), ["e"]);
    assert!(second.get("nextToken").is_none());
}

#[tokio::test]
async fn routes_of_one_router_are_not_those_of_another() {
    let api = Api::with_one_of_each().await;
    let router = json!({ "virtualRouterName": "w", "spec": { "listeners": [{ "portMapping": { "port": 80, "protocol": "http" } }] } });
    api.put("/meshes/m/virtualRouters", router).await.ok();
    assert_eq!(api.get("/meshes/m/virtualRouter/w/routes").await.ok(), json!({ "routes": [] }));
    let routes = api.get("/meshes/m/virtualRouter/x/routes").await.ok();
    assert_eq!(names(&routes, "routes", "virtualRouterName"), ["x"]);
}

#[tokio::test]
async fn limits_and_tokens_that_make_no_sense_are_refused() {
    let api = Api::with_one_of_each().await;
    create_nodes(&api, ["y".to_owned()]).await;
    let page = api.get("/meshes/m/virtualNodes?limit=1").await.ok();
    let token = page["nextToken"].as_str().unwrap().to_owned();
    for sample in &SAMPLES {
        for query in
            ["limit=0", "limit=101", "limit=x", "limit=", "nextToken=", "nextToken=eyJ4Ijox", "limit=1&limit=2"]
        {
            let message = api.get(&format!("{}?{query}", sample.collection)).await.refused(400, "BadRequestException");
            assert!(message.starts_with("limit: ") || message.starts_with("nextToken: "), "{message}");
        }
        if sample.kind != "virtualNode" {
            let query = format!("{}?nextToken={token}", sample.collection);
            api.get(&query).await.refused(400, "BadRequestException");
        }
    }
}
