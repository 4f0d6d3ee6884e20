"""Fields, relations, constraints and indexes of every kind."""

import uuid

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres import fields as postgres
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.indexes import BrinIndex, BTreeIndex, GinIndex, GistIndex, HashIndex, SpGistIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Length, Lower, Now, Upper


class Everything(models.Model):
    """A column of every type."""

    small = models.SmallIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    integer = models.IntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    big = models.BigIntegerField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    float = models.FloatField(null=True)
    decimal = models.DecimalField(max_digits=20, decimal_places=5, null=True)
    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=10, null=True)
    endless = models.CharField(null=True)
    text = models.TextField(null=True, db_comment="as long as you like")
    slug = models.SlugField(null=True)
    email = models.EmailField(null=True)
    url = models.URLField(null=True)
    date = models.DateField(null=True)
    time = models.TimeField(null=True)
    moment = models.DateTimeField(null=True)
    duration = models.DurationField(null=True)
    uuid = models.UUIDField(null=True)
    binary = models.BinaryField(null=True)
    json = models.JSONField(null=True)
    address = models.GenericIPAddressField(null=True)
    file = models.FileField(null=True)
    integers = postgres.ArrayField(models.IntegerField(), null=True)
    matrix = postgres.ArrayField(postgres.ArrayField(models.CharField(max_length=5)), null=True)
    moments = postgres.ArrayField(models.DateTimeField(), null=True)
    range = postgres.IntegerRangeField(null=True)
    decimals = postgres.DecimalRangeField(null=True)
    period = postgres.DateTimeRangeField(null=True)
    words = SearchVectorField(null=True)
    column_with_a_name = models.IntegerField(null=True, db_column="Other Name, quoted")

    class Meta:
        db_table_comment = "Columns of every type"


class Defaults(models.Model):
    """What the database fills in."""

    number = models.IntegerField(db_default=7)
    text = models.TextField(db_default=Value("it's"))
    made = models.DateTimeField(db_default=Now())
    token = models.UUIDField(default=uuid.uuid4, editable=False)
    doubled = models.GeneratedField(expression=F("number") * 2, output_field=models.IntegerField(), db_persist=True)
    shouted = models.GeneratedField(expression=Upper("text"), output_field=models.TextField(), db_persist=True)
    length = models.GeneratedField(expression=Length("text"), output_field=models.IntegerField(), db_persist=True)


class Place(models.Model):
    name = models.CharField(max_length=30, primary_key=True)
    notes = GenericRelation("Note")


class Shop(Place):
    """Multi-table inheritance: a row in each of two tables."""

    keeper = models.CharField(max_length=30)


class OpenShop(Shop):
    class Meta:
        proxy = True


class Person(models.Model):
    name = models.CharField(max_length=30)
    boss = models.ForeignKey("self", models.SET_NULL, null=True, related_name="staff")
    home = models.ForeignKey(Place, models.RESTRICT, null=True, related_name="people")
    friends = models.ManyToManyField("self")
    follows = models.ManyToManyField("self", symmetrical=False, related_name="followers")


class Passport(models.Model):
    person = models.OneToOneField(Person, models.CASCADE, primary_key=True)
    number = models.CharField(max_length=9, unique=True)


class Visit(models.Model):
    person = models.ForeignKey(Person, models.CASCADE)
    place = models.ForeignKey(Place, models.SET_DEFAULT, default="nowhere", db_default="nowhere")
    day = models.DateField()

    class Meta:
        unique_together = (("person", "place", "day"),)
        get_latest_by = "day"


class Trip(models.Model):
    """A key of two columns."""

    pk = models.CompositePrimaryKey("person_id", "number")
    person = models.ForeignKey(Person, models.CASCADE)
    number = models.IntegerField()
    goal = models.TextField(default="")


class Note(models.Model):
    """Belongs to a row of any table."""

    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.CharField(max_length=30)
    about = GenericForeignKey()
    text = models.TextField()


class Constrained(models.Model):
    code = models.CharField(max_length=10)
    kind = models.IntegerField(default=0)
    low = models.IntegerField(default=0)
    high = models.IntegerField(default=1)
    active = models.BooleanField(default=True)
    optional = models.IntegerField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(low__lt=F("high")), name="low_is_lower"),
            models.CheckConstraint(condition=Q(kind__in=[0, 1, 2]) | Q(active=False), name="known_kind"),
            models.UniqueConstraint("kind", Lower("code"), name="code_of_kind"),
            models.UniqueConstraint(fields=["low"], condition=Q(active=True), name="one_active_low"),
            models.UniqueConstraint(fields=["optional"], nulls_distinct=False, name="one_optional"),
        )


class Booking(models.Model):
    """What shared storage cannot keep: a key checked at commit, an exclusion constraint."""

    room = models.IntegerField()
    place_in_line = models.IntegerField()
    period = postgres.DateRangeField()

    class Meta:
        constraints = (
            ExclusionConstraint(
                name="no_overlap",
                expressions=[("period", "&&")],
                condition=Q(room=1),
            ),
            models.UniqueConstraint(
                fields=["place_in_line"], name="line_is_unique", deferrable=models.Deferrable.DEFERRED
            ),
        )


class Indexed(models.Model):
    name = models.CharField(max_length=50, db_index=True)
    title = models.TextField()
    number = models.IntegerField()
    tags = postgres.ArrayField(models.TextField(), default=list)
    data = models.JSONField(default=dict)
    span = postgres.IntegerRangeField(null=True)
    made = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["-number", "name"], name="depot_number_name"),
            models.Index(fields=["title"], condition=Q(number__gt=10), name="depot_partial"),
            models.Index(Lower("title").desc(), "number", name="depot_expression"),
            models.Index(fields=["title"], name="depot_pattern", opclasses=["text_pattern_ops"]),
            models.Index(fields=["number"], include=["title"], name="depot_covering"),
            BTreeIndex(fields=["made"], name="depot_fill", fillfactor=70),
            HashIndex(fields=["title"], name="depot_hash"),
            BrinIndex(fields=["made"], name="depot_brin", pages_per_range=8),
            GinIndex(fields=["tags"], name="depot_gin"),
            GinIndex(fields=["data"], name="depot_gin_path", opclasses=["jsonb_path_ops"]),
            GistIndex(fields=["span"], name="depot_gist"),
            SpGistIndex(fields=["span"], name="depot_spgist"),
        )
