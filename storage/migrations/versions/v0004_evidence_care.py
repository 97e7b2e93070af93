"""The log's copy in the object store, certified times, co-signatures, re-hashes of footage."""

import sqlalchemy as sa
from alembic import op

import storage.tables.base as columns

revision = "v0004"
down_revision = "v0003"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _cosigners()
    _log_copy()
    _certified_times()
    _rehash()


def _cosigners() -> None:
    op.create_table('cosigners',
    sa.Column('key_id', sa.String(length=8), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('public_key', sa.LargeBinary(length=32), nullable=False),
    sa.Column('added_at', columns.UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('key_id', name=op.f('pk_cosigners'))
    )
    op.create_table('cosignatures',
    sa.Column('cosignature_id', ROW_NUMBER, nullable=False),
    sa.Column('key_id', sa.String(length=8), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('signed_at', columns.UtcDateTime(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['key_id'], ['cosigners.key_id'], name=op.f('fk_cosignatures_key_id')),
    sa.PrimaryKeyConstraint('cosignature_id', name=op.f('pk_cosignatures')),
    sa.UniqueConstraint('key_id', 'size', name=op.f('uq_cosignatures_key_id_size'))
    )
    op.create_index(op.f('ix_cosignatures_size'), 'cosignatures', ['size'], unique=False)


def _certified_times() -> None:
    op.create_table('lesson_timestamps',
    sa.Column('lesson_id', sa.String(length=64), nullable=False),
    sa.Column('closing', sa.BigInteger(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_try_at', columns.UtcDateTime(), nullable=True),
    sa.Column('problem', sa.String(length=64), nullable=False),
    sa.Column('token', sa.LargeBinary(), nullable=True),
    sa.Column('certified_at', columns.UtcDateTime(), nullable=True),
    sa.Column('authority', sa.String(length=300), nullable=False),
    sa.PrimaryKeyConstraint('lesson_id', name=op.f('pk_lesson_timestamps'))
    )
    op.create_index(op.f('ix_lesson_timestamps_certified_at'), 'lesson_timestamps', ['certified_at'], unique=False)
    op.create_index(op.f('ix_lesson_timestamps_closing'), 'lesson_timestamps', ['closing'], unique=False)


def _log_copy() -> None:
    op.create_table('log_objects',
    sa.Column('object_key', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.Enum('leaves', 'checkpoint', 'key', 'timestamp', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.Column('checkpoint_id', sa.BigInteger(), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('retain_until', columns.UtcDateTime(), nullable=False),
    sa.Column('version', sa.String(length=200), nullable=True),
    sa.Column('stored_at', columns.UtcDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('object_key', name=op.f('pk_log_objects'))
    )
    op.create_index(op.f('ix_log_objects_kind_checkpoint_id'), 'log_objects', ['kind', 'checkpoint_id'], unique=False)
    op.create_index(op.f('ix_log_objects_kind_last'), 'log_objects', ['kind', 'last'], unique=False)
    op.create_index(op.f('ix_log_objects_stored_at'), 'log_objects', ['stored_at'], unique=False)


def _rehash() -> None:
    op.create_table('rehash_findings',
    sa.Column('upload_id', sa.String(length=200), nullable=False),
    sa.Column('lesson_id', sa.String(length=64), nullable=False),
    sa.Column('camera_id', sa.String(length=64), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('object_key', sa.String(length=700), nullable=False),
    sa.Column('problem', sa.Enum('footage_altered', 'footage_missing', 'lock_missing', 'lock_short', 'footage_not_in_log', name='problem', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('found_at', columns.UtcDateTime(), nullable=False),
    sa.Column('checked_at', columns.UtcDateTime(), nullable=False),
    sa.Column('mended_at', columns.UtcDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('upload_id', name=op.f('pk_rehash_findings'))
    )
    op.create_index(op.f('ix_rehash_findings_lesson_id'), 'rehash_findings', ['lesson_id'], unique=False)
    op.create_index(op.f('ix_rehash_findings_mended_at_checked_at'), 'rehash_findings', ['mended_at', 'checked_at'], unique=False)
    op.create_table('rehash_passes',
    sa.Column('pass_id', ROW_NUMBER, nullable=False),
    sa.Column('started_at', columns.UtcDateTime(), nullable=False),
    sa.Column('total_objects', sa.BigInteger(), nullable=False),
    sa.Column('total_bytes', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.String(length=700), nullable=False),
    sa.Column('objects', sa.BigInteger(), nullable=False),
    sa.Column('size_bytes', sa.BigInteger(), nullable=False),
    sa.Column('findings', sa.Integer(), nullable=False),
    sa.Column('finished_at', columns.UtcDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('pass_id', name=op.f('pk_rehash_passes'))
    )
