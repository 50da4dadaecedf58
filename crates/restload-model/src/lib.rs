//! Nouns in flight: values, schemas, naming, the normaliser, batches and diagnostics
