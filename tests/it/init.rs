//! `init`: what it writes is a config that `check` takes, and nothing that was there is lost.

use std::fmt::Write as _;
use std::path::Path;

use insta::assert_snapshot;

use crate::support::program::{Program, Ran};
use crate::support::repository;

/// Every kind of credentials, with what it needs besides.
const KINDS: [(&str, &[&str]); 9] = [
    ("none", &[]),
    ("bearer", &[]),
    ("api_key", &["--key-name", "key", "--key-in", "query"]),
    ("http_basic", &[]),
    ("http_digest", &[]),
    (
        "oauth2_client_credentials",
        &["--token-url", "https://auth.shop.example/token"],
    ),
    ("oauth2_refresh_token", &[]),
    ("oauth2_jwt_bearer", &[]),
    ("session_login", &[]),
];

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    Program::new(folder, arguments).run()
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap()
}

fn document(name: &str) -> String {
    repository().join("tests/it/init").join(name).display().to_string()
}

/// The flags of a config that is whole, without `--auth`.
fn flags<'a>(kind: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![
        "init",
        "--base-url",
        "https://api.shop.example/v1",
        "--path",
        "/orders",
        "--auth",
        kind,
    ];
    all.extend(more);
    all
}

#[test]
fn every_kind_of_credentials_passes_check_as_it_is_written() {
    for (kind, more) in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let wrote = run(folder.path(), &flags(kind, more)).expect(0);
        assert_eq!(wrote.stderr, "", "{kind}");
        let checked = run(folder.path(), &["check", "shop.yaml"]).expect(0);
        assert!(
            checked.stdout.contains("no mistakes; 1 resource loaded, 0 left out"),
            "{}",
            checked.stdout
        );
        let config = read(folder.path(), "shop.yaml");
        assert!(
            config.starts_with("# yaml-language-server: $schema=restload.schema.json\n"),
            "{config}"
        );
        let has_secrets = folder.path().join("secrets.toml").exists();
        assert_eq!(has_secrets, kind != "none", "{kind}");
        assert_eq!(folder.path().join(".gitignore").exists(), has_secrets, "{kind}");
        let ran = run(folder.path(), &["run", "shop.yaml"]);
        if has_secrets {
            // An empty value is none, so that a run says what is to be filled in.
            let ran = ran.expect(2);
            assert!(
                ran.stderr.contains("is not set") && ran.stderr.contains("./secrets.toml"),
                "{}",
                ran.stderr
            );
            let ignored = read(folder.path(), ".gitignore");
            let with_tokens = kind == "oauth2_refresh_token";
            let expected = if with_tokens {
                "secrets.toml\n.restload-tokens.json\n"
            } else {
                "secrets.toml\n"
            };
            assert_eq!(ignored, expected);
        }
        // The schema that the first line names is that of this binary.
        let schema = run(folder.path(), &["schema"]).expect(0).stdout;
        assert_eq!(read(folder.path(), "restload.schema.json").trim(), schema.trim());
    }
}

#[test]
fn what_is_written_by_flags() {
    let folder = tempfile::tempdir().unwrap();
    let wrote = run(folder.path(), &flags("api_key", &["--key-name", "X-Shop"])).expect(0);
    assert_snapshot!(wrote.stdout, @r"
    written:  shop.yaml             the config, with 1 resource
              secrets.toml          put the secrets in here: shop_key
              .gitignore            keeps secrets.toml out of git
              restload.schema.json  what editors complete and check the config by
    next:     edit secrets.toml, or set SHOP_KEY
              restload check --connect shop.yaml
              restload discover --write shop.yaml orders
              restload run shop.yaml
    ");
    assert_snapshot!(read(folder.path(), "shop.yaml"), @r#"
    # yaml-language-server: $schema=restload.schema.json
    #
    # shop: https://api.shop.example/v1 into SQLite or Postgres
    #
    #   restload check shop.yaml             every mistake in this file; nothing is requested
    #   restload check --connect shop.yaml   asks for a page of each resource
    #   restload discover shop.yaml orders   proposes selector, paginator and keys, from an answer
    #   restload preview shop.yaml orders    a few records, and the tables they would make
    #   restload run shop.yaml               loads all; into SQLite unless --to postgres://… is given
    #
    # What a key takes: restload explain resources.endpoint.paginator

    # Under this name the database keeps what has been loaded.
    name: shop

    client:
      # What the paths below are joined to.
      base_url: "https://api.shop.example/v1"
      # Looked for in the environment (SHOP_KEY), .env, secrets.toml beside this file, and
      # /run/secrets.
      auth: { type: api_key, name: X-Shop, api_key: "{secrets.shop_key}", location: header }

    resources:
      # The table orders; a resource is a name, and what is asked for.
      - name: orders
        # Every run takes the place of the rows of the one before. With a `primary_key`, `merge`
        # updates them instead.
        write_disposition: replace
        endpoint:
          path: orders
          # Where the records are in an answer, and how pages follow each other, belongs here:
          # `discover` finds it out. Until then only what leaves no doubt is loaded, and anything else
          # is an error.
          # data_selector: data
          # paginator: { type: page_number, base_page: 1, page_param: page }
    "#);
    assert_snapshot!(read(folder.path(), "secrets.toml"), @r#"
    # Secrets of the configs in this folder. Keep this file to yourself; .gitignore has its name.
    # A value that is empty counts as missing. What the environment has comes before it.

    # the key; or the environment's SHOP_KEY
    shop_key = ""
    "#);
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &flags("bearer", &[])).expect(0);
    let mode = folder
        .path()
        .join("secrets.toml")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn without_a_terminal_the_missing_flags_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert_snapshot!(run(folder.path(), &["init", "--auth", "bearer"]).expect(2).stderr, @r"
    error: there is no terminal to ask on, so `init` needs --base-url, --path
      help: for example `restload init --base-url https://api.example.com/v1 --auth bearer --path orders`, or `--from openapi.yaml`
    ");
    assert_snapshot!(run(folder.path(), &["init", "--auth", "beerer"]).expect(2).stderr, @r"
    error: invalid value 'beerer' for '--auth <KIND>': `beerer` is no kind of credentials; did you mean `bearer`?

    For more information, try '--help'.
    ");
    assert_snapshot!(run(folder.path(), &["init", "--base-url", "shop.example", "--auth", "none", "--path", "x"]).expect(2).stderr, @"error: `--base-url`: `shop.example` is no URL; write it like https://api.example.com/v1");
    let with_password = [
        "init",
        "--base-url",
        "https://ada:s3cr3t@shop.example",
        "--auth",
        "none",
        "--path",
        "x",
    ];
    let refused = run(folder.path(), &with_password).expect(2).stderr;
    assert!(!refused.contains("s3cr3t"), "{refused}");
    assert_snapshot!(refused, @"error: `--base-url`: credentials do not belong into the URL; choose a kind such as http_basic");
    assert_snapshot!(run(folder.path(), &["init", "--base-url", "https://shop.example", "--auth", "none", "--path", "a/{id}"]).expect(2).stderr, @"error: `--path`: begin with a list that needs no placeholder; its children come later");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is written"
    );
}

#[test]
fn nothing_that_is_there_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("shop.yaml"), "mine: 1\n").unwrap();
    std::fs::write(path.join("secrets.toml"), "shop_token = \"s3cr3t\"\n").unwrap();
    std::fs::write(path.join(".gitignore"), "*.db\r\n# mine").unwrap();
    std::fs::write(path.join("restload.schema.json"), "{}").unwrap();
    let refused = run(path, &flags("bearer", &[])).expect(2);
    assert_snapshot!(refused.stderr, @r"
    error: shop.yaml is there already
      help: name another file, as in `restload init other.yaml`, or write over it with `--force`
    ");
    assert_eq!(read(path, "shop.yaml"), "mine: 1\n");
    assert_eq!(read(path, ".gitignore"), "*.db\r\n# mine");
    // --force is about the config alone.
    let written = run(path, &flags("bearer", &["--force"])).expect(0);
    assert_snapshot!(written.stdout, @r"
    written:  shop.yaml     the config, with 1 resource
              secrets.toml  was there, and has the names it needs; left as it is
              .gitignore    keeps secrets.toml out of git
    next:     restload check --connect shop.yaml
              restload discover --write shop.yaml orders
              restload run shop.yaml
    ");
    assert!(read(path, "shop.yaml").contains("{secrets.shop_token}"));
    assert_eq!(read(path, "secrets.toml"), "shop_token = \"s3cr3t\"\n");
    assert_eq!(read(path, ".gitignore"), "*.db\r\n# mine\nsecrets.toml\n");
    assert_eq!(read(path, "restload.schema.json"), "{}");
    // A second one adds no line twice, and says which secrets it needs.
    let mut other = flags("http_basic", &["--name", "other"]);
    other[2] = "https://other.example";
    let written = run(path, &other).expect(0);
    assert!(
        written
            .stdout
            .contains("was there, and is left as it is: add other_username, other_password"),
        "{}",
        written.stdout
    );
    assert_eq!(read(path, ".gitignore"), "*.db\r\n# mine\nsecrets.toml\n");
}

#[test]
fn in_a_repository_the_schema_above_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir_all(path.join(".git")).unwrap();
    std::fs::create_dir_all(path.join("schemas")).unwrap();
    std::fs::write(path.join("schemas/restload.schema.json"), "{}").unwrap();
    let mut all = flags("none", &[]);
    all.insert(1, "configs/shop.yaml");
    run(path, &all).expect(0);
    assert!(
        read(path, "configs/shop.yaml")
            .starts_with("# yaml-language-server: $schema=../schemas/restload.schema.json\n")
    );
    assert!(!path.join("configs/restload.schema.json").exists());
}

/// On a terminal it asks. `script` gives the process one.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let typed = "printf 'https://api.shop.example/v1\\n2\\norders\\n\\n' | script -qec \"$1 init\" /dev/null";
    let ran = Program::in_script(typed, folder.path(), &[]).run().expect(0);
    assert!(ran.stdout.contains("What is to be loaded first?"), "{}", ran.stdout);
    run(folder.path(), &["check", "shop.yaml"]).expect(0);
    assert!(read(folder.path(), "shop.yaml").contains("type: bearer"));
}

/// Compares a written config with the one that is kept; `UPDATE=1` keeps it.
fn compare(folder: &Path, written: &str, golden: &str) {
    let text = read(folder, written);
    let kept = repository().join("tests/it/init").join(golden);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&kept, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&kept).unwrap_or_default();
    assert_eq!(text, expected, "{golden} differs; UPDATE=1 writes it");
}

#[test]
fn openapi_documents_become_configs() {
    for (source, name, resources) in [
        ("petstore.json", "petstore", 2),
        ("shop.yaml", "shop", 7),
        ("tickets.json", "tickets", 6),
        ("weather.yaml", "weather", 3),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let wrote = run(folder.path(), &["init", "--from", &document(source)]).expect(0);
        assert!(!wrote.stderr.contains("error"), "{source}: {}", wrote.stderr);
        let file = format!("{name}.yaml");
        compare(
            folder.path(),
            &file,
            &format!("{}.golden.yaml", source.split('.').next().unwrap()),
        );
        let checked = run(folder.path(), &["check", &file]).expect(0);
        assert!(
            checked.stdout.contains(&format!("{resources} resources loaded")),
            "{}",
            checked.stdout
        );
    }
}

#[test]
fn what_a_document_leaves_open_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let wrote = run(
        folder.path(),
        &["init", "--from", &document("shop.yaml"), "my-shop.yaml"],
    )
    .expect(0);
    assert_snapshot!(format!("{}--\n{}", wrote.stdout, wrote.stderr), @r"
    written:  my-shop.yaml          the config, with 8 resources
              secrets.toml          put the secrets in here: my_shop_key, my_shop_tenant_key
              .gitignore            keeps secrets.toml out of git
              restload.schema.json  what editors complete and check the config by
    next:     edit secrets.toml, or set MY_SHOP_KEY
              restload check --connect my-shop.yaml
              restload discover --write my-shop.yaml shops
              restload run my-shop.yaml
    --
    4 GET operations are left out, each with a reason at the end of the config
    1 resource is loaded when values of `vars` are given: days
    2 resources have no `data_selector`: look for `left out` in the config
    ");
}

#[test]
fn a_config_of_dlt_becomes_one_of_restload() {
    let folder = tempfile::tempdir().unwrap();
    let wrote = run(folder.path(), &["init", "--from", &document("dlt.json")]).expect(0);
    assert_snapshot!(format!("{}--\n{}", wrote.stdout, wrote.stderr), @r#"
    written:  github.yaml           the config, with 3 resources
              secrets.toml          put the secrets in here: github_x_api_key, github_token, github_api_key
              .gitignore            keeps secrets.toml out of git
              restload.schema.json  what editors complete and check the config by
    next:     edit secrets.toml, or set GITHUB_X_API_KEY
              restload check --connect github.yaml
              restload discover --write github.yaml stargazers
              restload run github.yaml
    --
    left out: client.session: a Python object; its options are `client.headers`, `client.retry`, `client.timeout_secs`
    left out: section: dlt finds its settings by it; restload names secrets by themselves
    left out: issues: endpoint.incremental.convert: a Python function; write a filter, such as `convert: date("%Y-%m-%d")` or `convert: epoch`
    left out: issues: endpoint.paginator: a Python object, whose options a dump does not hold; write `paginator: { type: header_link, … }`
    left out: issues: endpoint.response_actions[1].action: a Python function; the actions are ignore, retry, skip_page, stop and fail (`restload explain resources.endpoint.response_actions`)
    left out: issues: processing_steps[0].filter: a Python function; write the condition over a record's fields: `filter: id < 10`
    left out: issues: processing_steps[1].map: a Python function; `set`, `rename`, `drop`, `select`, `cast`, `explode`, `unpivot` and `jq` change records
    left out: resource number 3: a resource in Python code; one whose records are given is written `records: [...]`
    left out: comments: table_name: a Python function; write a text over a record's fields: `table_name: "events_{type}"`
    left out: issues: endpoint.hooks: restload has no such key
    left out: issues: spool: restload has no such key
    dlt guesses the paginator of stargazers, issues, comments in every run. Here only a Link header or a next URL is followed without one: `restload discover` proposes what to write.
    "#);
    compare(folder.path(), "github.yaml", "dlt.golden.yaml");
    run(folder.path(), &["check", "github.yaml"]).expect(0);
    for file in ["github.yaml", "secrets.toml"] {
        let text = read(folder.path(), file);
        assert!(!text.contains("s3cr3t"), "{file} has a secret:\n{text}");
    }
    assert!(!wrote.stdout.contains("s3cr3t") && !wrote.stderr.contains("s3cr3t"));
}

#[test]
fn a_config_that_cannot_be_used_yet_says_what_a_person_must_do() {
    let folder = tempfile::tempdir().unwrap();
    let wrote = run(folder.path(), &["init", "--from", &document("dlt-broken.yaml")]).expect(2);
    assert_snapshot!(wrote.stderr, @r#"
    dlt guesses the paginator of posts in every run. Here only a Link header or a next URL is followed without one: `restload discover` proposes what to write.
    error: unknown auth type `magic_token`
      --> dlt_broken.yaml:18:11
       |
    18 |     type: magic_token
       |           ^^^^^^^^^^^
       |
       = in client.auth
       = help: known: `api_key`, `bearer`, `http_basic`, `http_digest`, `oauth2_client_credentials`, `oauth2_jwt_bearer`, `oauth2_refresh_token`, `session_login`

    error: `FETCH ME` is not an HTTP method
      --> dlt_broken.yaml:28:15
       |
    28 |       method: "FETCH ME"
       |               ^^^^^^^^^^
       |
       = in resources[0].endpoint

    error: the path has no `{a}` for this value
      --> dlt_broken.yaml:29:20
       |
    29 |       params: { a: { type: resolve, resource: missing, field: id } }
       |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ use it in the path, or write `a: "{resources.PARENT.FIELD}"`
       |
       = in resources[0].endpoint.params

    error: there is no resource `missing`
      --> dlt_broken.yaml:29:20
       |
    29 |       params: { a: { type: resolve, resource: missing, field: id } }
       |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the config has: posts
       |
       = in resources[0].endpoint.params

    4 errors in dlt_broken.yaml
    error: dlt_broken.yaml is written, and cannot be used yet: mend the above, then run `restload check dlt_broken.yaml`
    "#);
    assert!(folder.path().join("dlt_broken.yaml").exists());
}

/// Documents that are odd, or meant to do harm: an error that says what is wrong, or a config that `check` takes.
#[test]
fn odd_documents_are_refused_or_give_a_config() {
    let base = r#""info": {"title": "t"}, "servers": [{"url": "https://a.example"}]"#;
    let list = r#"{"get": {"responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}}}}}}"#;
    let of_schema = |schema: &str, more: &str| {
        format!(
            r#"{{"openapi": "3.1.0", {base}, "paths": {{"/x": {{"get": {{"responses": {{"200": {{"content": {{"application/json": {{"schema": {schema}}}}}}}}}}}}}}}, "components": {{"schemas": {{{more}}}}}}}"#
        )
    };
    // Each schema is put together of two that are put together of two more, and so on.
    let mut tower = String::new();
    for level in 0..40 {
        let next = format!(r##"{{"$ref": "#/components/schemas/S{}"}}"##, level + 1);
        let _ = write!(
            tower,
            r#""S{level}": {{"type": "object", "allOf": [{next}, {next}], "properties": {{"p{level}": {next}, "q{level}": {next}}}}}, "#
        );
    }
    tower.push_str(r#""S40": {"type": "object"}"#);
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many_parents = (0..60)
        .map(|level| format!("/a{level}/{{p{level}}}"))
        .collect::<Vec<_>>()
        .concat();
    let mut chain = String::new();
    for level in 0..60 {
        let path = (0..level)
            .map(|above| format!("/a{above}/{{id}}"))
            .collect::<Vec<_>>()
            .concat();
        let _ = write!(
            chain,
            r#""{path}/a{level}": {{"get": {{"responses": {{"200": {{"content": {{"application/json": {{"schema": {{"type": "array", "items": {{"type": "object", "properties": {{"id": {{"type": "string"}}}}}}}}}}}}}}}}}}}}, "#
        );
    }
    let aliases = {
        let mut text = "openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let _ = writeln!(
                text,
                "a{level}: &a{level} [{}]",
                vec![format!("*a{}", level - 1); 9].join(", ")
            );
        }
        text
    };
    let all: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("no text", vec![0xff, 0xfe, 0x00]),
        ("a list", b"[1, 2]".to_vec()),
        ("a word", b"hello".to_vec()),
        ("neither", b"{\"a\": 1, \"b\": 2}".to_vec()),
        ("not JSON", b"{\"openapi\": \"3.0.0\", ".to_vec()),
        ("two documents", b"openapi: 3.0.0\n---\na: 1\n".to_vec()),
        ("nested", nested.into_bytes()),
        ("aliases", aliases.into_bytes()),
        ("python", b"client: !!python/object:dlt.X {a: 1}\nresources: []\n".to_vec()),
        ("swagger", b"{\"swagger\": \"2.0\", \"paths\": {}}".to_vec()),
        ("version", b"{\"openapi\": \"4.0.0\"}".to_vec()),
        ("no servers", b"{\"openapi\": \"3.0.0\", \"paths\": {}}".to_vec()),
        ("relative", b"{\"openapi\": \"3.0.0\", \"servers\": [{\"url\": \"/v1\"}], \"paths\": {}}".to_vec()),
        ("scheme", b"{\"openapi\": \"3.0.0\", \"servers\": [{\"url\": \"file:///etc\"}], \"paths\": {}}".to_vec()),
        ("variable", b"{\"openapi\": \"3.0.0\", \"servers\": [{\"url\": \"https://{x}.a\"}], \"paths\": {}}".to_vec()),
        ("no paths", format!("{{\"openapi\": \"3.0.0\", {base}}}").into_bytes()),
        ("types", format!("{{\"openapi\": \"3.0.0\", {base}, \"paths\": {{\"/x\": 1, \"/y\": {{\"get\": []}}, \"/z\": {{\"get\": {{\"parameters\": {{}}, \"responses\": []}}}}}}}}").into_bytes()),
        ("circle", of_schema(r##"{"$ref": "#/components/schemas/A"}"##, r##""A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}"##).into_bytes()),
        ("itself", of_schema(r##"{"$ref": "#/paths"}"##, "").into_bytes()),
        ("tower", of_schema(r##"{"$ref": "#/components/schemas/S0"}"##, &tower).into_bytes()),
        ("braces", format!("{{\"openapi\": \"3.0.0\", {base}, \"paths\": {{\"/a{{b\": {list}, \"/a}}b\": {list}, \"/{{}}\": {list}}}}}").into_bytes()),
        ("name", format!("{{\"openapi\": \"3.0.0\", \"info\": {{\"title\": \"../../etc\"}}, \"servers\": [{{\"url\": \"https://a.example\"}}], \"paths\": {{\"/x\": {list}}}}}").into_bytes()),
        ("parents", format!("{{\"openapi\": \"3.0.0\", {base}, \"paths\": {{\"{many_parents}/x\": {list}}}}}").into_bytes()),
        ("chain", format!("{{\"openapi\": \"3.0.0\", {base}, \"paths\": {{{}}}}}", chain.trim_end_matches(", ")).into_bytes()),
    ];
    let mut said = String::new();
    for (name, bytes) in all {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("d.json"), &bytes).unwrap();
        let ran = run(folder.path(), &["init", "--from", "d.json", "out.yaml"]);
        assert!(!ran.stderr.contains("panicked"), "{name}: {}", ran.stderr);
        if ran.code == Some(0) {
            run(folder.path(), &["check", "out.yaml"]).expect(0);
            let _ = writeln!(said, "{name}: a config");
        } else {
            assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
            let is_told = ran.stderr.contains("is written, and cannot be used yet");
            assert_eq!(folder.path().join("out.yaml").exists(), is_told, "{name}");
            let first: Vec<&str> = ran.stderr.lines().take(3).collect();
            let _ = writeln!(said, "{name}: {}", first.join("\n  "));
        }
    }
    assert_snapshot!(said, @r"
    empty: error: d.json is no document that a config can be made from: it is not a map of keys
    no text: error: d.json is not a text in UTF-8
    a list: error: d.json is no document that a config can be made from: it is not a map of keys
    a word: error: d.json is no document that a config can be made from: it is not a map of keys
    neither: error: d.json is neither an OpenAPI document (it has no key `openapi`) nor a config of dlt (`client` and `resources`); its keys are a, b
    not JSON: error: d.json is neither JSON nor YAML that can be read: EOF while parsing a value at line 1 column 21
    two documents: error: d.json is neither JSON nor YAML that can be read: deserializing from YAML containing more than one document is not supported
    nested: error: d.json is neither JSON nor YAML that can be read: recursion limit exceeded at line 1 column 129
    aliases: error: d.json is neither JSON nor YAML that can be read: repetition limit exceeded
    python: left out: client.a: restload has no such key
      error: missing key `base_url`
        --> out.yaml:15:1
    swagger: error: d.json is a description in Swagger 2.0, and only OpenAPI 3.0 and 3.1 can be read
        help: a converter such as `npx swagger2openapi d.json -o openapi.yaml` makes one of it
    version: error: d.json: `openapi` is `4.0.0`, and only 3.0 and 3.1 can be read
    no servers: error: d.json: the document does not say where the API is; give `--base-url https://…`
    relative: error: d.json: the document says that the API is at `/v1` of the place that it was read from; give `--base-url https://…`
    scheme: error: d.json: its server: `file:///etc` is no address of an API; write it like https://api.example.com/v1; give `--base-url https://…`
    variable: error: d.json: its server `https://{x}.a` has a variable `x` without a value; give `--base-url https://…`
    no paths: error: d.json: the document has no GET operation, so there is nothing to load
    types: error: d.json: no GET operation of the document answers with a list
        GET /z: the document has no good answer for it
    circle: error: d.json: no GET operation of the document answers with a list
        GET /x: its references lead in a circle
    itself: error: d.json: no GET operation of the document answers with a list
        GET /x: it answers with any type
    tower: error: d.json: no GET operation of the document answers with a list
        GET /x: the schema of its answer is too large, or refers to itself too often
    braces: error: d.json: no GET operation of the document answers with a list
        GET /a{b: the braces in its path do not match
        GET /a}b: the braces in its path do not match
    name: a config
    parents: a config
    chain: a config
    ");
}
