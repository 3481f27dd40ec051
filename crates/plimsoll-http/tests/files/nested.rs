//! Files inside a router that takes off a prefix.

use crate::folder::Folder;
use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use tower::ServiceExt;

#[tokio::test]
async fn a_folder_in_a_nest_redirects_to_itself_with_a_slash() {
    let folder = Folder::new("nested").with("index.html", "root").with("docs/index.html", "docs");
    let inner = Router::new().nest_service("/static", folder.files());
    let app = Router::new().nest_service("/files", folder.files()).nest("/deep", inner);
    for (path, status, to) in [
        ("/files/", StatusCode::OK, None),
        ("/files", StatusCode::TEMPORARY_REDIRECT, Some("./files/")),
        ("/files?v=1", StatusCode::TEMPORARY_REDIRECT, Some("./files/?v=1")),
        ("/files/docs", StatusCode::TEMPORARY_REDIRECT, Some("./docs/")),
        ("/files/docs/", StatusCode::OK, None),
        ("/deep/static", StatusCode::TEMPORARY_REDIRECT, Some("./static/")),
        ("/deep/static/", StatusCode::OK, None),
        ("/deep/static/docs", StatusCode::TEMPORARY_REDIRECT, Some("./docs/")),
        ("/files/none", StatusCode::NOT_FOUND, None),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let location = response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap());
        assert_eq!((response.status(), location), (status, to), "{path}");
        // Where a client goes by it, there is the file.
        if let Some(to) = to {
            let base = path.split('?').next().unwrap().rsplit_once('/').unwrap().0;
            let next = format!("{base}{}", to.strip_prefix('.').unwrap());
            let request = Request::get(next).body(Body::empty()).unwrap();
            assert_eq!(app.clone().oneshot(request).await.unwrap().status(), StatusCode::OK, "{path}");
        }
    }
}
