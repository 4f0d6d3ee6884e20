"""What the models of this app are there for, tested by Django's own runner."""

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal

from django.contrib.postgres.aggregates import ArrayAgg, BitAnd, BoolOr, StringAgg
from django.contrib.postgres.operations import AddIndexConcurrently
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.core.exceptions import ValidationError
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    connection,
    models,
    transaction,
)
from django.db.models import (
    Avg,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    Variance,
    Window,
)
from django.db.models.functions import (
    MD5,
    Cast,
    Coalesce,
    Concat,
    ExtractIsoWeekDay,
    FirstValue,
    Greatest,
    JSONObject,
    Lag,
    NullIf,
    Round,
    RowNumber,
    StrIndex,
    Substr,
    TruncDay,
)
from django.test import TestCase, TransactionTestCase
from psycopg.types.range import Range

from depot.models import (
    Booking,
    Constrained,
    Defaults,
    Everything,
    Indexed,
    Note,
    OpenShop,
    Passport,
    Person,
    Place,
    Shop,
    Trip,
    Visit,
)

UTC = dt.UTC

VALUES = {
    "small": -32768,
    "positive_small": 32767,
    "integer": -(2**31),
    "positive": 2**31 - 1,
    "big": -(2**63),
    "positive_big": 2**63 - 1,
    "float": 0.1,
    "decimal": Decimal("123456789012345.00001"),
    "boolean": False,
    "char": "ten chars.",
    "endless": "x" * 5000,
    "text": "Grüße 🐘 \\ ' \" % \n\t",
    "slug": "a-slug",
    "email": "ada@example.org",
    "url": "https://example.org/?a=1&b=%20",
    "date": dt.date(1, 1, 1),
    "time": dt.time(23, 59, 59, 999999),
    "moment": dt.datetime(9999, 12, 31, 22, 59, 59, 999999, UTC),
    "duration": dt.timedelta(days=-3, microseconds=1),
    "uuid": uuid.UUID(int=2**128 - 1),
    "binary": b"\x00\x01\xff",
    "json": {"a": [1, None, {"b": "\u00e9"}], "big": 2**60, "float": 1.5},
    "address": "2001:db8::1",
    "file": "a/b.txt",
    "integers": [1, None, -2],
    "matrix": [["a", "b,c"], ['"', "NULL"]],
    "moments": [dt.datetime(2024, 2, 29, tzinfo=UTC)],
    "range": Range(1, 5),
    "decimals": Range(Decimal("1.5"), None),
    "period": Range(dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2024, 1, 2, tzinfo=UTC), "[]"),
    "column_with_a_name": 5,
}


class Fields(TestCase):
    def test_every_value_comes_back(self):
        made = Everything.objects.create(**VALUES)
        for name, value in VALUES.items():
            with self.subTest(name):
                found = Everything.objects.values_list(name, flat=True).get(pk=made.pk)
                self.assertEqual(bytes(found) if name == "binary" else found, value)

    def test_every_field_may_be_null(self):
        made = Everything.objects.create()
        again = Everything.objects.get(pk=made.pk)
        self.assertEqual([getattr(again, name) or None for name in VALUES], [None] * len(VALUES))
        for name in set(VALUES) - {"file"}:  # Django makes that an empty string
            with self.subTest(name):
                self.assertEqual(Everything.objects.filter(**{f"{name}__isnull": True}).count(), 1)

    def test_every_field_is_updated_to_null_and_back(self):
        made = Everything.objects.create(**VALUES)
        self.assertEqual(Everything.objects.update(**dict.fromkeys(VALUES)), 1)
        self.assertEqual(Everything.objects.filter(**{f"{name}__isnull": True for name in VALUES}).count(), 1)
        self.assertEqual(Everything.objects.filter(pk=made.pk).update(**VALUES), 1)
        self.assertEqual(Everything.objects.get().decimal, VALUES["decimal"])

    def test_values_that_do_not_fit(self):
        for wrong in (
            {"small": 32768},
            {"integer": 2**31},
            {"char": "eleven char"},
            {"decimal": Decimal(10) ** 16},
            {"positive": -1},
            {"positive_big": -5},
        ):
            with self.subTest(wrong), self.assertRaises((DataError, IntegrityError)), transaction.atomic():
                Everything.objects.filter(pk=Everything.objects.create().pk).update(**wrong)

    def test_lookups(self):
        Everything.objects.bulk_create(
            Everything(
                integer=n,
                char=f"Name {n}",
                moment=dt.datetime(2024, n, n, 12, n, tzinfo=UTC),
                date=dt.date(2024, n, n),
                json={"n": n, "tags": ["odd" if n % 2 else "even"], "deep": {"list": [n, {"x": n}]}},
                integers=list(range(n)),
                range=Range(n, n + 3),
                address=f"10.0.0.{n}",
                decimal=Decimal(n) / 3,
            )
            for n in range(1, 7)
        )

        def found(**lookup):
            return list(Everything.objects.filter(**lookup).order_by("integer").values_list("integer", flat=True))

        self.assertEqual(found(integer__range=(2, 4)), [2, 3, 4])
        self.assertEqual(found(integer__in=[6, 1]), [1, 6])
        self.assertEqual(found(char__istartswith="NAME", char__endswith="3"), [3])
        self.assertEqual(found(char__iregex=r"^name [12]$"), [1, 2])
        self.assertEqual(found(char__contains="%"), [])
        self.assertEqual(found(moment__year=2024, moment__month__gte=5), [5, 6])
        self.assertEqual(found(moment__minute=4), [4])
        self.assertEqual(found(moment__date=dt.date(2024, 3, 3)), [3])
        self.assertEqual(found(moment__time__gt=dt.time(13, 5)), [4, 5, 6])  # 14:04 in Berlin's summer
        self.assertEqual(found(date__week_day=2), [1])
        self.assertEqual(found(date__iso_year=2024, date__quarter=2), [4, 5, 6])
        self.assertEqual(found(json__n__lt=3), [1, 2])
        self.assertEqual(found(json__tags__contains=["odd"]), [1, 3, 5])
        self.assertEqual(found(json__deep__list__1__x=4), [4])
        self.assertEqual(found(json__has_keys=["n", "deep"], json__deep__list__0__in=[2, 3]), [2, 3])
        self.assertEqual(found(json__contained_by={"n": 1}), [])
        self.assertEqual(found(json__missing__isnull=True, json__n__gte=5), [5, 6])
        self.assertEqual(found(integers__overlap=[4]), [5, 6])
        self.assertEqual(found(integers__contained_by=[0, 1, 2]), [1, 2, 3])
        self.assertEqual(found(integers__0_2=[0, 1], integers__len__lte=3), [2, 3])
        self.assertEqual(found(integers__len=6), [6])
        self.assertEqual(found(range__contains=3), [1, 2, 3])
        self.assertEqual(found(range__overlap=Range(0, 2)), [1])
        self.assertEqual(found(range__fully_gt=Range(0, 5)), [5, 6])
        self.assertEqual(found(range__startswith=2), [2])
        self.assertEqual(found(address=str(ipaddress.ip_address("10.0.0.2"))), [2])
        self.assertEqual(found(decimal__gt=Decimal("1.66")), [5, 6])

    def test_full_text_search(self):
        for text in ("The quick brown fox", "jumps over the lazy dog", "quick dogs"):
            Everything.objects.create(text=text)
        self.assertEqual(Everything.objects.update(words=SearchVector("text", config="english")), 3)
        found = Everything.objects.filter(words=SearchQuery("dog", config="english"))
        self.assertEqual(found.count(), 2)
        ranked = Everything.objects.annotate(rank=SearchRank(F("words"), SearchQuery("quick & dog", search_type="raw")))
        self.assertEqual(ranked.order_by("-rank").first().text, "quick dogs")
        self.assertEqual(Everything.objects.filter(text__search="quick").count(), 2)


class DatabaseDefaults(TestCase):
    def test_the_database_fills_in(self):
        made = Defaults.objects.create()
        made.refresh_from_db()
        self.assertEqual((made.number, made.text, made.doubled, made.shouted, made.length), (7, "it's", 14, "IT'S", 4))
        self.assertLess(abs(made.made - dt.datetime.now(UTC)), dt.timedelta(minutes=5))
        self.assertEqual(made.token.version, 4)

    def test_generated_columns_follow(self):
        Defaults.objects.bulk_create([Defaults(number=n, text="x" * n) for n in (1, 2, 3)])
        self.assertEqual(list(Defaults.objects.filter(doubled__gt=2).values_list("length", flat=True)), [2, 3])
        Defaults.objects.filter(number=2).update(text=Concat(F("text"), Value("!")), number=F("number") + 10)
        found = Defaults.objects.get(number=12)
        self.assertEqual((found.doubled, found.shouted, found.length), (24, "XX!", 3))


class Relations(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.nowhere = Place.objects.create(name="nowhere")
        cls.home = Place.objects.create(name="home")
        cls.boss = Person.objects.create(name="Boss", home=cls.home)
        cls.ada, cls.grace = (Person.objects.create(name=name, boss=cls.boss) for name in ("Ada", "Grace"))

    def test_set_null_restrict_and_set_default(self):
        with self.assertRaises(models.RestrictedError):
            self.home.delete()
        Visit.objects.create(person=self.ada, place=self.home, day=dt.date(2024, 1, 1))
        self.boss.delete()
        self.assertEqual(Person.objects.filter(boss=None).count(), 2)
        self.home.delete()
        self.assertEqual(Visit.objects.get().place, self.nowhere)

    def test_one_to_one(self):
        Passport.objects.create(person=self.ada, number="A1")
        self.assertEqual(Person.objects.select_related("passport").get(name="Ada").passport.number, "A1")
        with self.assertRaises(IntegrityError), transaction.atomic():
            Passport.objects.create(person=self.ada, number="A2")
        with self.assertRaises(Person.passport.RelatedObjectDoesNotExist):
            _ = self.grace.passport
        self.assertEqual(Person.objects.filter(passport__isnull=True).count(), 2)

    def test_many_to_many_with_itself(self):
        self.ada.friends.add(self.grace, self.boss)
        self.assertEqual(self.grace.friends.get(), self.ada)
        self.grace.friends.remove(self.ada)
        self.assertEqual([person.name for person in self.ada.friends.all()], ["Boss"])
        self.ada.follows.set([self.grace, self.boss])
        self.assertEqual(self.grace.followers.get(), self.ada)
        self.assertEqual(self.grace.follows.count(), 0)
        self.ada.follows.set([self.boss], clear=True)
        self.assertEqual(Person.objects.filter(followers=self.ada).get(), self.boss)
        self.ada.follows.clear()
        self.assertFalse(self.ada.follows.exists())

    def test_multi_table_inheritance(self):
        shop = Shop.objects.create(name="corner", keeper="Ada")
        self.assertEqual(Place.objects.get(name="corner").shop, shop)
        self.assertEqual(OpenShop.objects.filter(name__startswith="c").update(keeper="Grace", name="corner"), 1)
        shop.refresh_from_db()
        self.assertEqual(shop.keeper, "Grace")
        self.assertEqual(shop.delete(), (2, {"depot.Shop": 1, "depot.Place": 1}))

    def test_composite_keys(self):
        for number in (1, 2):
            Trip.objects.create(person=self.ada, number=number, goal=f"goal {number}")
        self.assertEqual(Trip.objects.get(pk=(self.ada.pk, 2)).goal, "goal 2")
        self.assertEqual(Trip.objects.filter(pk__in=[(self.ada.pk, 1), (self.ada.pk, 3)]).count(), 1)
        trip = Trip.objects.get(pk=(self.ada.pk, 1))
        trip.goal = "changed"
        trip.save()
        self.assertEqual(sorted(Trip.objects.values_list("goal", flat=True)), ["changed", "goal 2"])
        with self.assertRaises(IntegrityError), transaction.atomic():
            Trip.objects.bulk_create([Trip(person=self.ada, number=1)])
        Trip.objects.bulk_create(
            [Trip(person=self.ada, number=1, goal="upserted"), Trip(person=self.ada, number=9, goal="new")],
            update_conflicts=True,
            unique_fields=["person_id", "number"],
            update_fields=["goal"],
        )
        self.assertEqual(sorted(Trip.objects.values_list("goal", flat=True)), ["goal 2", "new", "upserted"])

    def test_generic_relations(self):
        Note.objects.create(about=self.home, text="a note")
        self.home.notes.create(text="another")
        self.assertEqual(sorted(note.text for note in self.home.notes.all()), ["a note", "another"])
        self.assertEqual(Note.objects.prefetch_related("about").first().about, self.home)
        self.assertEqual(Place.objects.filter(notes__text="another").get(), self.home)

    def test_unique_together_and_latest(self):
        for day in (1, 2, 3):
            Visit.objects.create(person=self.ada, place=self.home, day=dt.date(2024, 1, day))
        with self.assertRaisesMessage(IntegrityError, "depot_visit_person_id_place_id_day_"), transaction.atomic():
            Visit.objects.create(person=self.ada, place=self.home, day=dt.date(2024, 1, 2))
        self.assertEqual(Visit.objects.latest().day.day, 3)
        self.assertEqual(Visit.objects.filter(person__boss__home__name="home").earliest().day.day, 1)

    def test_aggregates_over_relations(self):
        self.assertEqual(Person.objects.annotate(n=Count("staff")).order_by("-n").first(), self.boss)
        bosses = Person.objects.filter(staff__isnull=False)
        names = bosses.annotate(names=ArrayAgg("staff__name", ordering="staff__name"))
        self.assertEqual(names.get().names, ["Ada", "Grace"])
        newest = Person.objects.filter(boss=OuterRef("pk")).order_by("-name").values("name")[:1]
        self.assertEqual(Person.objects.annotate(newest=Subquery(newest)).exclude(newest=None).get().newest, "Grace")


class ForeignKeys(TransactionTestCase):
    """Django's foreign keys are checked at commit."""

    def test_a_parent_that_is_missing(self):
        with self.assertRaisesMessage(IntegrityError, 'is not present in table "depot_person"'):
            Passport.objects.create(person_id=999, number="x")
        self.assertEqual(Passport.objects.count(), 0)

    def test_a_parent_that_goes_away(self):
        person = Person.objects.create(name="Ada")
        Passport.objects.create(person=person, number="1")
        with self.assertRaisesMessage(IntegrityError, "is still referenced"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM depot_person")
        self.assertEqual(Person.objects.count(), 1)

    def test_the_order_within_a_transaction_does_not_matter(self):
        with transaction.atomic():
            Passport.objects.create(person_id=5, number="5")
            Person.objects.create(pk=5, name="Late")
        self.assertEqual(Passport.objects.get().person.name, "Late")
        with self.assertRaises(IntegrityError), transaction.atomic():
            Passport.objects.create(person_id=6, number="6")
            connection.check_constraints()


class Constraints(TestCase):
    def refused(self, name, **values):
        with self.assertRaisesMessage(IntegrityError, name), transaction.atomic():
            Constrained.objects.create(**values)

    def test_each_constraint(self):
        Constrained.objects.create(code="A", low=1, high=2, optional=1)
        self.refused("low_is_lower", code="B", low=5, high=5)
        self.refused("known_kind", code="B", low=2, high=9, kind=7)
        self.refused("code_of_kind", code="a", low=3, high=9)
        self.refused("one_active_low", code="B", low=1, high=9)
        self.refused("one_optional", code="B", low=4, high=9, optional=1)
        Constrained.objects.create(code="B", low=1, high=9, kind=7, active=False)
        self.refused("one_optional", code="C", low=6, high=9)
        self.assertEqual(Constrained.objects.count(), 2)
        with self.assertRaisesMessage(IntegrityError, "one_active_low"), transaction.atomic():
            Constrained.objects.update(active=True, kind=1)

    def test_bulk_create_with_conflicts(self):
        rows = [Constrained(code=f"c{n}", low=n, high=n + 1, optional=n) for n in range(6)]
        Constrained.objects.bulk_create(rows[:3])
        Constrained.objects.bulk_create(
            [
                Constrained(code="again", low=9, high=10, optional=1),
                Constrained(code="new", low=8, high=9, optional=50),
            ],
            ignore_conflicts=True,
        )
        self.assertEqual(Constrained.objects.count(), 4)
        for row in rows:
            row.high += 100
            row.code += "x"
        made = Constrained.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["optional"], update_fields=["code", "high"]
        )
        self.assertEqual(len({row.pk for row in made}), 6)
        self.assertEqual(Constrained.objects.filter(high__gt=100).count(), 6)
        self.assertEqual(Constrained.objects.get(optional=4).code, "c4x")

    def test_validation_asks_the_database(self):
        Constrained.objects.create(code="A", low=1, high=2, optional=1)
        for wrong in ({"code": "a"}, {"low": 1}, {"low": 3, "high": 3}, {"optional": 1}):
            values = {"code": "Z", "low": 7, "high": 8, "optional": 70} | wrong
            with self.subTest(wrong), self.assertRaises(ValidationError):
                Constrained(**values).validate_constraints()


class MadeDedicated(TransactionTestCase):
    def test_exclusion_and_deferred_keys(self):
        first = Booking.objects.create(room=1, place_in_line=1, period=Range(dt.date(2024, 1, 1), dt.date(2024, 1, 9)))
        second = Booking.objects.create(room=2, place_in_line=2, period=first.period)
        with self.assertRaisesMessage(IntegrityError, "no_overlap"):
            Booking.objects.create(room=1, place_in_line=3, period=first.period)
        with transaction.atomic():
            Booking.objects.filter(pk=first.pk).update(place_in_line=2)
            Booking.objects.filter(pk=second.pk).update(place_in_line=1)
        self.assertEqual(list(Booking.objects.order_by("pk").values_list("place_in_line", flat=True)), [2, 1])
        with self.assertRaisesMessage(IntegrityError, "line_is_unique"), transaction.atomic():
            Booking.objects.update(place_in_line=5)


class Aggregation(TestCase):
    @classmethod
    def setUpTestData(cls):
        Everything.objects.bulk_create(
            Everything(
                integer=n,
                char="even" if n % 2 == 0 else "odd",
                float=n / 4,
                decimal=Decimal(n),
                boolean=n > 3,
                date=dt.date(2024, 1, n),
                moment=dt.datetime(2024, 1, n, 23, 30, tzinfo=UTC),
                json={"n": n},
                text=f"text {n}",
                duration=dt.timedelta(hours=n),
            )
            for n in range(1, 6)
        )

    def test_aggregates(self):
        found = Everything.objects.aggregate(
            Sum("integer"),
            Avg("float"),
            Max("date"),
            Min("moment"),
            total=Sum("duration"),
            n=Count("char", distinct=True),
        )
        self.assertEqual(found["integer__sum"], 15)
        self.assertEqual(found["float__avg"], 0.75)
        self.assertEqual(found["date__max"], dt.date(2024, 1, 5))
        self.assertEqual(found["moment__min"], dt.datetime(2024, 1, 1, 23, 30, tzinfo=UTC))
        self.assertEqual(found["total"], dt.timedelta(hours=15))
        self.assertEqual(found["n"], 2)
        found = Everything.objects.aggregate(
            Variance("integer"), StdDev("float"), any=BoolOr("boolean"), bits=BitAnd("integer")
        )
        self.assertEqual(found["integer__variance"], 2)
        self.assertAlmostEqual(found["float__stddev"], 0.35355339)
        self.assertEqual((found["any"], found["bits"]), (True, 0))

    def test_groups(self):
        grouped = Everything.objects.values("char").annotate(
            n=Count("pk"),
            big=Count("pk", filter=Q(integer__gt=2)),
            names=StringAgg("text", ";", ordering="-integer"),
            all=ArrayAgg("json", ordering="integer"),
        )
        self.assertEqual(
            list(grouped.order_by("char")),
            [
                {"char": "even", "n": 2, "big": 1, "names": "text 4;text 2", "all": [{"n": 2}, {"n": 4}]},
                {
                    "char": "odd",
                    "n": 3,
                    "big": 2,
                    "names": "text 5;text 3;text 1",
                    "all": [{"n": 1}, {"n": 3}, {"n": 5}],
                },
            ],
        )
        self.assertEqual(grouped.filter(n__gt=2).get()["char"], "odd")
        days = Everything.objects.annotate(day=TruncDay("moment")).values("day").annotate(n=Count("pk")).order_by("day")
        self.assertEqual([row["day"].day for row in days], [2, 3, 4, 5, 6])  # after midnight in Berlin
        self.assertEqual(Everything.objects.values("char").distinct().count(), 2)
        self.assertEqual(len(Everything.objects.distinct("char").order_by("char", "-integer")), 2)

    def test_window_functions(self):
        rows = Everything.objects.annotate(
            row=Window(RowNumber(), partition_by="char", order_by="integer"),
            before=Window(Lag("integer"), order_by="integer"),
            first=Window(FirstValue("text"), partition_by="char", order_by=F("integer").desc()),
            running=Window(Sum("integer"), order_by="integer"),
        ).order_by("integer")
        self.assertEqual([row.row for row in rows], [1, 1, 2, 2, 3])
        self.assertEqual([row.before for row in rows], [None, 1, 2, 3, 4])
        self.assertEqual([row.first for row in rows], ["text 5", "text 4"] * 2 + ["text 5"])
        self.assertEqual([row.running for row in rows], [1, 3, 6, 10, 15])

    def test_functions(self):
        row = Everything.objects.annotate(
            cast=Cast("integer", models.CharField()),
            great=Greatest("integer", 3),
            part=Substr("text", 6),
            at=StrIndex("text", Value("t ")),
            md5=MD5("char"),
            none=NullIf("char", Value("odd")),
            first=Coalesce(NullIf("char", Value("odd")), "endless", Value("?")),
            round=Round("float", 1),
            day=ExtractIsoWeekDay("date"),
            object=JSONObject(a="integer", b="char"),
            sum=ExpressionWrapper(F("date") + F("duration"), output_field=models.DateTimeField()),
        ).get(integer=1)
        self.assertEqual((row.cast, row.great, row.part, row.at), ("1", 3, "1", 4))
        self.assertEqual((row.md5[:6], row.none, row.first, row.day), ("a2b6f2", None, "?", 1))
        self.assertEqual(row.object, {"a": 1, "b": "odd"})
        self.assertEqual(row.sum.hour, 1)


class Locks(TransactionTestCase):
    def setUp(self):
        self.row = Constrained.objects.create(code="A", low=1, high=2)
        self.other = connection.copy()

    def tearDown(self):
        self.other.close()

    def other_sees(self, sql, *parameters):
        with self.other.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def test_select_for_update(self):
        with transaction.atomic():
            self.assertEqual(Constrained.objects.select_for_update().get(), self.row)
            self.assertEqual(self.other_sees("SELECT code FROM depot_constrained FOR UPDATE SKIP LOCKED"), [])
            self.assertEqual(self.other_sees("SELECT code FROM depot_constrained"), [("A",)])
            with self.assertRaisesMessage(OperationalError, "could not obtain lock on row in relation"):
                self.other_sees("SELECT code FROM depot_constrained FOR UPDATE NOWAIT")
            self.other_sees("SET lock_timeout = '50ms'")
            with self.assertRaisesMessage(OperationalError, "canceling statement due to lock timeout"):
                self.other_sees("UPDATE depot_constrained SET high = 5")
        self.assertEqual(self.other_sees("UPDATE depot_constrained SET high = 5"), 1)

    def test_what_may_not_be_locked(self):
        with self.assertRaises(transaction.TransactionManagementError):
            list(Constrained.objects.select_for_update())
        with self.assertRaises((NotSupportedError, DatabaseError)), transaction.atomic():
            list(Constrained.objects.values("kind").annotate(n=Count("pk")).select_for_update())

    def test_no_lost_update(self):
        with transaction.atomic():
            Constrained.objects.filter(pk=self.row.pk).update(high=F("high") + 1)
        self.other_sees("UPDATE depot_constrained SET high = high + 1")
        self.row.refresh_from_db()
        self.assertEqual(self.row.high, 4)


class Schema(TransactionTestCase):
    """The operations of the schema editor, each on a table with rows."""

    def setUp(self):
        class Thing(models.Model):
            name = models.CharField(max_length=20)
            number = models.IntegerField(null=True)

            class Meta:
                app_label = "depot"

        self.model = Thing
        with connection.schema_editor() as editor:
            editor.create_model(Thing)
        Thing.objects.bulk_create([Thing(name="one", number=1), Thing(name="two", number=2), Thing(name="none")])

    def tearDown(self):
        with connection.schema_editor() as editor:
            editor.delete_model(self.model)
        del self.model._meta.apps.all_models["depot"]["thing"]  # so that the next test may define it again

    def edit(self, operation, *arguments):
        with connection.schema_editor() as editor:
            getattr(editor, operation)(self.model, *arguments)

    def field(self, name, field):
        field.set_attributes_from_name(name)
        field.model = self.model
        return field

    def old(self, name):
        return self.model._meta.get_field(name)

    def rows(self, columns="*"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM {self.model._meta.db_table} ORDER BY id")
            return cursor.fetchall()

    def columns(self):
        with connection.cursor() as cursor:
            described = connection.introspection.get_table_description(cursor, self.model._meta.db_table)
        return {column.name: (column.type_code, column.null_ok, column.default) for column in described}

    def constraints(self):
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, self.model._meta.db_table)
        kinds = ("index", "unique", "check", "foreign_key")  # PostgreSQL 18 also names what is NOT NULL
        return {name: one for name, one in found.items() if not one["primary_key"] and any(one[kind] for kind in kinds)}

    def test_add_fields(self):
        self.edit("add_field", self.field("plain", models.TextField(null=True)))
        self.edit("add_field", self.field("filled", models.IntegerField(default=5)))
        self.edit("add_field", self.field("defaulted", models.IntegerField(db_default=6)))
        self.edit("add_field", self.field("made", models.DateTimeField(db_default=models.functions.Now())))
        generated = models.GeneratedField(
            expression=F("number") * 2, output_field=models.IntegerField(), db_persist=True
        )
        generated.contribute_to_class(self.model, "doubled")
        self.edit("add_field", generated)
        self.assertEqual(
            self.rows("name, plain, filled, defaulted, doubled"),
            [("one", None, 5, 6, 2), ("two", None, 5, 6, 4), ("none", None, 5, 6, None)],
        )
        self.assertEqual(len({row[0] for row in self.rows("made")}), 1)
        self.assertEqual(list(self.columns())[-5:], ["plain", "filled", "defaulted", "made", "doubled"])
        self.assertEqual(self.columns()["filled"], (23, False, None))
        self.edit("remove_field", self.field("filled", models.IntegerField()))
        self.assertNotIn("filled", self.columns())

    def test_a_foreign_key_and_a_unique_field(self):
        Place.objects.create(name="home")
        self.edit("add_field", self.field("place", models.ForeignKey(Place, models.CASCADE, null=True)))
        self.edit("add_field", self.field("code", models.UUIDField(unique=True, null=True)))
        kinds = sorted((c["columns"], c["unique"], c["index"], c["foreign_key"]) for c in self.constraints().values())
        self.assertIn((["place_id"], False, False, ("depot_place", "name")), kinds)
        self.assertIn((["code"], True, False, None), [kind for kind in kinds if not kind[2]])
        with connection.cursor() as cursor:
            cursor.execute("UPDATE depot_thing SET place_id = 'home'")
            self.assertEqual(cursor.rowcount, 3)
        self.edit("remove_field", self.field("place", models.ForeignKey(Place, models.CASCADE, null=True)))
        self.assertEqual(len(self.columns()), 4)

    def test_alter_types(self):
        self.edit("alter_field", self.old("number"), self.field("number", models.BigIntegerField(null=True)))
        self.assertEqual(self.columns()["number"][0], 20)
        self.edit("alter_field", self.old("number"), self.field("number", models.CharField(max_length=9, null=True)))
        self.assertEqual(self.rows("number"), [("1",), ("2",), (None,)])
        self.edit("alter_field", self.field("number", models.CharField(max_length=9, null=True)), self.old("number"))
        self.assertEqual(self.rows("number"), [(1,), (2,), (None,)])
        self.edit("alter_field", self.old("name"), self.field("name", models.TextField()))
        self.edit(
            "alter_field", self.field("name", models.TextField()), self.field("name", models.CharField(max_length=4))
        )
        with self.assertRaises(DataError):
            self.edit(
                "alter_field",
                self.field("name", models.CharField(max_length=4)),
                self.field("name", models.CharField(max_length=3)),
            )
        self.assertEqual(self.rows("name"), [("one",), ("two",), ("none",)])

    def test_alter_null_and_defaults(self):
        with self.assertRaises(IntegrityError):
            self.edit("alter_field", self.old("name"), self.field("name", models.CharField(max_length=20, null=True)))
            self.model.objects.filter(name="one").update(name=None)
            self.edit("alter_field", self.field("name", models.CharField(max_length=20, null=True)), self.old("name"))
        self.model.objects.filter(name=None).update(name="one")
        self.edit("alter_field", self.field("name", models.CharField(max_length=20, null=True)), self.old("name"))
        self.assertEqual(self.columns()["name"][1], False)
        self.edit("alter_field", self.old("number"), self.field("number", models.IntegerField(default=9)))
        self.assertEqual(self.rows("number"), [(1,), (2,), (9,)])
        self.edit(
            "alter_field",
            self.field("number", models.IntegerField()),
            self.field("number", models.IntegerField(db_default=4)),
        )
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO depot_thing (name) VALUES ('four') RETURNING number")
            self.assertEqual(cursor.fetchone(), (4,))

    def test_rename(self):
        renamed = self.field("label", models.CharField(max_length=20))
        self.edit("alter_field", self.old("name"), renamed)
        self.assertEqual(self.rows("label"), [("one",), ("two",), ("none",)])
        self.edit("alter_field", renamed, self.old("name"))
        self.edit("alter_db_table", "depot_thing", "depot_thing_renamed")
        with connection.cursor() as cursor:
            self.assertIn("depot_thing_renamed", connection.introspection.table_names(cursor))
            cursor.execute("SELECT name FROM depot_thing_renamed ORDER BY id")
            self.assertEqual(len(cursor.fetchall()), 3)
        self.edit("alter_db_table", "depot_thing_renamed", "depot_thing")
        self.edit("alter_db_table_comment", None, "Things")
        with connection.cursor() as cursor:
            [info] = [t for t in connection.introspection.get_table_list(cursor) if t.name == "depot_thing"]
        self.assertEqual((info.type, info.comment), ("t", "Things"))

    def test_unique_and_checks(self):
        unique = self.field("name", models.CharField(max_length=20, unique=True))
        self.edit("alter_field", self.old("name"), unique)
        with self.assertRaises(IntegrityError):
            self.model.objects.create(name="one")
        self.edit("alter_field", unique, self.old("name"))
        self.edit("alter_unique_together", [], [["name", "number"]])
        self.edit("alter_unique_together", [["name", "number"]], [])
        check = models.CheckConstraint(condition=Q(number__lt=10), name="thing_check")
        self.edit("add_constraint", check)
        with self.assertRaisesMessage(IntegrityError, "thing_check"):
            self.model.objects.create(name="x", number=10)
        self.assertTrue(self.constraints()["thing_check"]["check"])
        self.edit("remove_constraint", check)
        self.model.objects.create(name="x", number=10)
        with self.assertRaisesMessage(IntegrityError, "thing_check"):
            self.edit("add_constraint", check)
        partial = models.UniqueConstraint(fields=["number"], condition=Q(number__gt=5), name="thing_partial")
        self.edit("add_constraint", partial)
        with self.assertRaisesMessage(IntegrityError, "thing_partial"):
            self.model.objects.create(name="x", number=10)
        self.edit("remove_constraint", partial)

    def test_indexes(self):
        index = models.Index(fields=["-number", "name"], name="thing_index")
        self.edit("add_index", index)
        self.assertEqual(self.constraints()["thing_index"]["orders"], ["DESC", "ASC"])
        self.edit("rename_index", index, models.Index(fields=["-number", "name"], name="thing_renamed"))
        self.assertIn("thing_renamed", self.constraints())
        self.edit("remove_index", models.Index(fields=["-number", "name"], name="thing_renamed"))
        concurrent = AddIndexConcurrently("thing", models.Index(fields=["number"], name="thing_concurrent"))
        with connection.schema_editor(atomic=False) as editor:
            editor.add_index(self.model, concurrent.index, concurrently=True)
            self.assertIn("thing_concurrent", self.constraints())
            editor.remove_index(self.model, concurrent.index, concurrently=True)
        self.assertEqual(self.constraints(), {})

    def test_a_change_that_fails_leaves_all_as_it_was(self):
        with self.assertRaises(DatabaseError), connection.schema_editor() as editor:
            editor.add_field(self.model, self.field("extra", models.IntegerField(default=1)))
            editor.execute("SELECT 1 / 0")
        self.assertNotIn("extra", self.columns())
        self.assertEqual(self.model.objects.count(), 3)


class Introspection(TestCase):
    def test_tables_and_columns(self):
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
            columns = connection.introspection.get_table_description(cursor, "depot_everything")
            sequences = connection.introspection.get_sequences(cursor, "depot_everything")
        self.assertEqual([name for name in tables if "kdb" in name], [])
        self.assertIn("depot_person_friends", tables)
        by_name = {column.name: column for column in columns}
        self.assertEqual(len(by_name), 33)
        self.assertEqual((by_name["decimal"].precision, by_name["decimal"].scale), (20, 5))
        self.assertEqual((by_name["char"].display_size, by_name["char"].null_ok), (10, True))
        self.assertEqual(by_name["text"].comment, "as long as you like")
        self.assertIn("Other Name, quoted", by_name)
        self.assertEqual([sequence["column"] for sequence in sequences], ["id"])

    def test_indexes(self):
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, "depot_indexed")
        types = {name: one["type"] for name, one in found.items() if name.startswith("depot_") and one["index"]}
        self.assertEqual(types["depot_gin"], "gin")
        self.assertEqual(types["depot_brin"], "brin")
        self.assertEqual(types["depot_spgist"], "spgist")
        self.assertEqual(types["depot_hash"], "hash")
        self.assertEqual(found["depot_number_name"]["orders"], ["DESC", "ASC"])
        self.assertEqual(found["depot_expression"]["columns"], [None, "number"])
        self.assertEqual(found["depot_covering"]["columns"], ["number", "title"])

    def test_relations(self):
        with connection.cursor() as cursor:
            relations = connection.introspection.get_relations(cursor, "depot_person")
            key = connection.introspection.get_primary_key_columns(cursor, "depot_trip")
        self.assertEqual(relations, {"boss_id": ("id", "depot_person"), "home_id": ("name", "depot_place")})
        self.assertEqual(key, ["person_id", "number"])

    def test_the_indexed_rows(self):
        Indexed.objects.bulk_create(
            Indexed(
                name=f"n{n}", title=f"Title {n}", number=n, tags=[str(n), "all"], data={"n": n}, span=Range(n, n + 2)
            )
            for n in range(30)
        )
        self.assertEqual(Indexed.objects.filter(tags__contains=["7"]).get().number, 7)
        self.assertEqual(Indexed.objects.filter(data__contains={"n": 8}).get().number, 8)
        self.assertEqual(Indexed.objects.filter(span__contains=5).count(), 2)
        self.assertEqual(Indexed.objects.filter(title__startswith="Title 2").count(), 11)
        self.assertEqual([row.number for row in Indexed.objects.order_by("-number", "name")[:3]], [29, 28, 27])
