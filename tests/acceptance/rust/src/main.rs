// sdk-tests INGEST_URL WRITE_KEY: identify, group and track with RudderStack's Rust SDK, and in a batch with Segment's.
use serde_json::json;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, key) = (arguments[1].clone(), arguments[2].clone());
    rudderstack(&url, &key);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(segment(url, key));
}

fn rudderstack(url: &str, key: &str) {
    use rudderanalytics::{client::RudderAnalytics, message::*};
    let client = RudderAnalytics::load(key.to_string(), url.to_string());
    let user_id = Some("rr-1".to_string());
    let traits = Some(json!({ "name": "Ana Lima", "email": "ana-rr@example.com", "country": "PT" }));
    client.send(&Message::Identify(Identify { user_id: user_id.clone(), traits, ..Default::default() })).unwrap();
    let traits = Some(json!({ "name": "Acme", "size": 150 }));
    let group = Group { user_id: user_id.clone(), group_id: "rr-acme".to_string(), traits, ..Default::default() };
    client.send(&Message::Group(group)).unwrap();
    let properties = Some(json!({ "value": 120, "quantity": 0 }));
    let track = Track { user_id, event: "Order Completed".to_string(), properties, ..Default::default() };
    client.send(&Message::Track(track)).unwrap();
}

async fn segment(url: String, key: String) {
    use segment::{message::*, Batcher, Client, HttpClient};
    let user = User::UserId { user_id: "sr-1".to_string() };
    let mut batcher = Batcher::new(None);
    let traits = json!({ "name": "Ana Lima", "email": "ana-sr@example.com", "country": "PT" });
    batcher.push(Identify { user: user.clone(), traits, ..Default::default() }).unwrap();
    let traits = json!({ "name": "Acme", "size": 150 });
    batcher.push(Group { user: user.clone(), group_id: "sr-acme".to_string(), traits, ..Default::default() }).unwrap();
    let properties = json!({ "value": 120, "quantity": 0 });
    batcher.push(Track { user, event: "Order Completed".to_string(), properties, ..Default::default() }).unwrap();
    let client = HttpClient::new(reqwest::Client::new(), url);
    client.send(key, batcher.into_message().into()).await.unwrap();
}
