//! Rows in the format of PostgreSQL's binary COPY, in one buffer: tokio-postgres's own writer sends 4 kB at a time,
//! each through another thread.

use bytes::{BufMut as _, Bytes, BytesMut};
use lookalike_vectors::Point;
use tokio_postgres::types::{IsNull, ToSql, Type};

use super::parameter;

/// The header of a binary COPY: the signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Why a value cannot be encoded.
type EncodeError = Box<dyn std::error::Error + Sync + Send>;

/// Rows of `id bigint, product text` and a vector of the type `kind`.
pub(super) fn rows(points: &[Point], kind: &Type) -> Result<Bytes, EncodeError> {
    let dim = points.first().map_or(0, |point| point.vector.len());
    let mut out = BytesMut::with_capacity(64 + points.len() * (64 + 4 * dim));
    out.put_slice(HEADER);
    for point in points {
        out.put_i16(3);
        field(&(point.id as i64), &Type::INT8, &mut out)?;
        field(&point.group, &Type::TEXT, &mut out)?;
        field(&*parameter(&point.vector), kind, &mut out)?;
    }
    out.put_i16(-1);
    Ok(out.freeze())
}

/// A value after its length.
fn field(value: &(dyn ToSql + Sync), kind: &Type, out: &mut BytesMut) -> Result<(), EncodeError> {
    let at = out.len();
    out.put_i32(0);
    if let IsNull::Yes = value.to_sql_checked(kind, out)? {
        return Err("a value is NULL".into());
    }
    let length = i32::try_from(out.len() - at - 4)?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
