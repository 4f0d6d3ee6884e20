"""The project's own tests, for Django's test runner: TestCase in savepoints, TransactionTestCase with TRUNCATE."""

import datetime as dt
import uuid
from decimal import Decimal

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.aggregates import ArrayAgg, StringAgg
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models import Avg, Case, Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Sum, Value, When, Window
from django.db.models.functions import Coalesce, ExtractYear, Lower, Rank, TruncMonth, Upper
from django.test import TestCase, TransactionTestCase, skipUnlessDBFeature
from psycopg.types.range import Range

from shop.models import Category, Line, Order, Product


def fill():
    """Two categories under a third, three products, a user with an order."""
    root = Category.objects.create(name="Everything")
    tools, toys = (Category.objects.create(name=name, parent=root) for name in ("Tools", "Toys"))
    Product.objects.create(category=tools, name="Hammer", sku="h1", price=Decimal("15.50"), stock=10, state="sale")
    Product.objects.create(
        category=tools,
        name="Saw",
        sku="s1",
        price=20,
        attributes={"teeth": 24, "steel": {"grade": "A"}},
        keywords=["wood"],
    )
    Product.objects.create(
        category=toys,
        name="Ball",
        sku="b1",
        price=3,
        stock=100,
        state="sale",
        weight=0.25,
        keywords=["round", "red, blue"],
    )
    user = User.objects.create_user("ada", "ada@example.org", "secret")
    order = Order.objects.create(user=user, day=dt.date(2024, 2, 29))
    order.watchers.add(user)
    for product, amount in zip(Product.objects.all(), (1, 2, 3), strict=True):
        Line.objects.create(order=order, product=product, amount=amount)


class Querysets(TestCase):
    @classmethod
    def setUpTestData(cls):
        fill()

    def names(self, queryset):
        return list(queryset.values_list("name", flat=True))

    def test_filters(self):
        products = Product.objects
        self.assertEqual(self.names(products.filter(price__gt=10)), ["Hammer", "Saw"])
        self.assertEqual(self.names(products.filter(name__icontains="a", category__name="Tools")), ["Hammer", "Saw"])
        self.assertEqual(self.names(products.filter(Q(weight__isnull=False) | Q(stock=0))), ["Saw", "Ball"])
        self.assertEqual(self.names(products.exclude(category__parent__name="Nothing")), ["Hammer", "Saw", "Ball"])
        self.assertEqual(
            self.names(products.filter(added__date=dt.date.today()).order_by("-price")[:2]), ["Saw", "Hammer"]
        )
        self.assertEqual(
            self.names(products.filter(name__regex=r"^[HS]", sku__in=["h1", "s1", "?"])), ["Hammer", "Saw"]
        )
        self.assertEqual(self.names(products.filter(name__iexact="sAW")), ["Saw"])
        self.assertEqual(products.filter(pk__in=[]).count(), 0)
        self.assertTrue(products.filter(orders__user__username="ada").exists())
        self.assertEqual(products.get(sku="b1").category.parent.name, "Everything")

    def test_json_arrays_and_ranges(self):
        products = Product.objects
        self.assertEqual(self.names(products.filter(attributes__teeth=24)), ["Saw"])
        self.assertEqual(self.names(products.filter(attributes__steel__grade="A")), ["Saw"])
        self.assertEqual(self.names(products.filter(attributes__has_key="teeth", attributes__teeth__gt=20)), ["Saw"])
        self.assertEqual(self.names(products.filter(attributes__contains={"steel": {"grade": "A"}})), ["Saw"])
        self.assertEqual(self.names(products.filter(keywords__contains=["red, blue"])), ["Ball"])
        self.assertEqual(self.names(products.filter(keywords__len=2)), ["Ball"])
        self.assertEqual(self.names(products.filter(keywords__0="wood")), ["Saw"])
        saw = products.get(sku="s1")
        saw.available = Range(dt.date(2024, 1, 1), dt.date(2024, 7, 1))
        saw.attributes["none"] = None
        saw.delivery = dt.timedelta(days=2, hours=3)
        saw.image = b"\x00\x01\xff"
        saw.save()
        saw = products.get(available__contains=dt.date(2024, 3, 1))
        self.assertEqual(saw.attributes, {"teeth": 24, "steel": {"grade": "A"}, "none": None})
        self.assertEqual((saw.delivery, bytes(saw.image)), (dt.timedelta(days=2, hours=3), b"\x00\x01\xff"))
        self.assertEqual(saw.available, Range(dt.date(2024, 1, 1), dt.date(2024, 7, 1)))
        self.assertEqual(self.names(products.filter(attributes__none=None)), ["Saw"])

    def test_aggregates(self):
        totals = Product.objects.aggregate(Sum("stock"), Max("price"), mean=Avg("price"))
        self.assertEqual(totals["stock__sum"], 110)
        self.assertEqual((totals["price__max"], round(totals["mean"], 2)), (Decimal(20), Decimal("12.83")))
        # GROUP BY the primary key alone, every other column selected
        categories = Category.objects.annotate(n=Count("products"), total=Coalesce(Sum("products__price"), Decimal(0)))
        categories = categories.order_by("name")
        self.assertEqual(
            [(category.name, category.n, category.total, category.parent_id is None) for category in categories],
            [("Everything", 0, 0, True), ("Tools", 2, Decimal("35.50"), False), ("Toys", 1, 3, False)],
        )
        grouped = Product.objects.values("category__name").annotate(
            n=Count("id"), names=StringAgg("name", "+", ordering="name")
        )
        self.assertEqual(
            list(grouped.order_by("category__name")),
            [
                {"category__name": "Tools", "n": 2, "names": "Hammer+Saw"},
                {"category__name": "Toys", "n": 1, "names": "Ball"},
            ],
        )
        having = Category.objects.annotate(n=Count("products", filter=Q(products__state="sale"))).filter(n__gt=0)
        having = having.order_by("name")
        self.assertEqual([(category.name, category.n) for category in having], [("Tools", 1), ("Toys", 1)])
        lists = Category.objects.annotate(skus=ArrayAgg("products__sku", default=Value([]))).get(name="Tools")
        self.assertEqual(sorted(lists.skus), ["h1", "s1"])

    def test_expressions(self):
        Product.objects.filter(state="sale").update(stock=F("stock") + 5, price=F("price") * 2)
        self.assertEqual(
            list(Product.objects.values_list("stock", "price", "value")),
            [
                (15, Decimal("31.00"), Decimal("465.00")),
                (0, Decimal("20.00"), Decimal("0.00")),
                (105, Decimal("6.00"), Decimal("630.00")),
            ],
        )
        label = Case(When(price__gt=25, then=Value("dear")), When(stock=0, then=Value("gone")), default=Value("fine"))
        self.assertEqual(
            list(Product.objects.annotate(label=label).values_list("label", flat=True)), ["dear", "gone", "fine"]
        )
        ranked = Product.objects.annotate(rank=Window(Rank(), partition_by="category", order_by="-price"))
        self.assertEqual(self.names(ranked.filter(rank=1)), ["Hammer", "Ball"])
        dearest = Product.objects.filter(category=OuterRef("pk")).order_by("-price")
        annotated = Category.objects.annotate(dearest=Subquery(dearest.values("name")[:1]), any=Exists(dearest))
        self.assertEqual(
            list(annotated.values_list("dearest", "any")), [(None, False), ("Hammer", True), ("Ball", True)]
        )
        months = Product.objects.annotate(month=TruncMonth("added"), year=ExtractYear("added"), upper=Upper("name"))
        self.assertEqual(months.filter(upper="SAW").get().year, months.first().month.year)
        self.assertEqual(Order.objects.dates("day", "month").get(), dt.date(2024, 2, 1))

    def test_update_with_a_subquery_and_delete(self):
        Product.objects.filter(category__name="Tools").update(
            weight=Subquery(Line.objects.filter(product=OuterRef("pk")).values("amount")[:1]),
            state=Product.State.ON_SALE,
        )
        self.assertEqual(
            list(Product.objects.values_list("weight", "state")), [(1, "sale"), (2, "sale"), (0.25, "sale")]
        )
        self.assertEqual(Line.objects.filter(product__category__name="Tools").delete(), (2, {"shop.Line": 2}))
        self.assertRaises(models.ProtectedError, Category.objects.get(name="Toys").delete)
        deleted, per_model = User.objects.filter(username="ada").delete()
        self.assertEqual(per_model, {"shop.Line": 1, "shop.Order_watchers": 1, "shop.Order": 1, "auth.User": 1})
        self.assertEqual(deleted, 4)

    def test_relations(self):
        with self.assertNumQueries(3):
            order = Order.objects.prefetch_related(
                Prefetch("lines", Line.objects.select_related("product")), "watchers"
            ).get()
            lines = [(line.product.name, line.amount) for line in order.lines.all()]
            watchers = [user.username for user in order.watchers.all()]
        self.assertEqual(sorted(lines), [("Ball", 3), ("Hammer", 1), ("Saw", 2)])
        self.assertEqual(watchers, ["ada"])
        user = User.objects.get()
        order.watchers.remove(user)
        order.watchers.add(user, user)
        order.watchers.set([user])
        self.assertEqual(user.watched.get(), order)
        self.assertEqual(user.orders.count(), 1)
        children = Category.objects.get(name="Everything").children.select_related("parent")
        self.assertEqual(
            [(child.name, child.parent.name) for child in children], [("Tools", "Everything"), ("Toys", "Everything")]
        )

    def test_get_or_create_and_update_or_create(self):
        toys = Category.objects.get(name="Toys")
        self.assertEqual(Category.objects.get_or_create(name="Toys"), (toys, False))
        _, created = Category.objects.get_or_create(name="Books", defaults={"parent": toys})
        self.assertTrue(created)
        product, created = Product.objects.update_or_create(sku="b1", defaults={"price": Decimal(4)})
        self.assertEqual((product.name, product.price, created), ("Ball", 4, False))
        _, created = Product.objects.update_or_create(sku="new", defaults={"price": 1, "category": toys, "name": "New"})
        self.assertTrue(created)

    def test_bulk(self):
        toys = Category.objects.get(name="Toys")
        made = Product.objects.bulk_create(
            [Product(category=toys, name=f"Toy {n}", sku=f"toy{n}", price=n) for n in range(200)], batch_size=70
        )
        self.assertEqual(len({product.pk for product in made}), 200)
        self.assertEqual(made[7].value, 0)
        Category.objects.bulk_create([Category(name="Toys"), Category(name="Games")], ignore_conflicts=True)
        self.assertEqual(Category.objects.count(), 4)
        again = [Product(category=toys, name=f"Game {n}", sku=f"toy{n}", price=1000 + n) for n in range(198, 202)]
        Product.objects.bulk_create(
            again, update_conflicts=True, unique_fields=["sku"], update_fields=["name", "price"]
        )
        self.assertEqual(self.names(Product.objects.filter(price__gte=1000)), [f"Game {n}" for n in range(198, 202)])
        self.assertEqual(Product.objects.filter(sku__startswith="toy").count(), 202)
        for product in made:
            product.stock = product.price
        self.assertEqual(Product.objects.bulk_update(made[:150], ["stock"], batch_size=100), 150)
        self.assertEqual(Product.objects.filter(stock=F("price"), sku__startswith="toy").count(), 150)
        self.assertEqual(sum(1 for _ in Product.objects.iterator(chunk_size=50)), 205)
        self.assertEqual(len(Product.objects.in_bulk(["toy1", "toy2"], field_name="sku")), 2)
        self.assertEqual(Paginator(Product.objects.all(), 100).page(3).object_list.count(), 5)

    def test_set_operations_and_raw(self):
        cheap, tools = Product.objects.filter(price__lt=5), Product.objects.filter(category__name="Tools")
        self.assertEqual(sorted(self.names(cheap.union(tools))), ["Ball", "Hammer", "Saw"])
        self.assertEqual(self.names(tools.difference(cheap).order_by("name")), ["Hammer", "Saw"])
        raw = Product.objects.raw("SELECT * FROM shop_product WHERE price > %s ORDER BY name", [10])
        self.assertEqual(
            [(product.name, product.value) for product in raw], [("Hammer", Decimal("155.00")), ("Saw", Decimal(0))]
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM shop_line WHERE amount BETWEEN %s AND %s", [2, 3])
            self.assertEqual(cursor.fetchone(), (2,))
            cursor.executemany("UPDATE shop_product SET stock = %s WHERE sku = %s", [(1, "h1"), (2, "s1")])
            self.assertEqual(cursor.rowcount, 2)
        self.assertIn("Scan", Product.objects.filter(sku="b1").explain())

    def test_constraints(self):
        toys = Category.objects.get(name="Toys")

        def refused(message, **changes):
            values = {"category": toys, "name": "X", "sku": "x", "price": 1} | changes
            with self.assertRaisesMessage(IntegrityError, message), transaction.atomic():
                Product.objects.create(**values)

        refused("price_is_not_negative", price=-1)
        refused("one_name_per_category", name="BALL")
        refused("shop_product_sku_", sku="b1")
        refused("shop_product_stock_check", stock=-1)
        refused(
            'null value in column "category_id" of relation "shop_product" violates not-null constraint', category=None
        )
        with (
            self.assertRaisesMessage(DatabaseError, "value too long for type character varying(20)"),
            transaction.atomic(),
        ):
            Product.objects.create(category=toys, name="X", sku="x" * 21, price=1)
        with self.assertRaises(ValidationError):
            Product(category=toys, name="ball", sku="x", price=1).full_clean()
        self.assertEqual(Product.objects.count(), 3)

    def test_database_defaults(self):
        product = Product.objects.create(
            category=Category.objects.get(name="Toys"), name="Kite", sku="k", price=7, stock=3
        )
        self.assertEqual(product.value, 21)
        self.assertIsNotNone(product.checked.tzinfo)
        product.stock = 4
        product.save()
        product.refresh_from_db()
        self.assertEqual(product.value, 28)

    def test_savepoints(self):
        with transaction.atomic():
            Category.objects.create(name="A")
            with self.assertRaises(IntegrityError), transaction.atomic():
                Category.objects.create(name="A")
            with self.assertRaises(ZeroDivisionError), transaction.atomic():
                Category.objects.all().update(name=F("id"))
                raise ZeroDivisionError
        self.assertEqual(Category.objects.filter(name="A").count(), 1)

    @skipUnlessDBFeature("has_select_for_update_of", "has_select_for_update_skip_locked")
    def test_select_for_update(self):
        with transaction.atomic():
            product = Product.objects.select_for_update().get(sku="b1")
            product.stock -= 1
            product.save(update_fields=["stock"])
            joined = Product.objects.select_related("category").select_for_update(of=("self",), skip_locked=True)
            self.assertEqual(len(joined), 3)
            self.assertEqual(len(Product.objects.select_for_update(no_key=True, nowait=True)), 3)
        self.assertEqual(Product.objects.get(sku="b1").stock, 99)


class Contrib(TestCase):
    """Users, permissions, sessions and the admin."""

    def test_users_groups_and_permissions(self):
        user = User.objects.create_user("grace", password="hopper")
        group = Group.objects.create(name="editors")
        group.permissions.set(Permission.objects.filter(content_type__app_label="shop", codename__startswith="change_"))
        user.groups.add(group)
        user = User.objects.get(username="grace")
        self.assertTrue(user.check_password("hopper"))
        self.assertTrue(user.has_perm("shop.change_product"))
        self.assertFalse(user.has_perm("shop.delete_product"))
        self.assertEqual(ContentType.objects.get_for_model(Product).model, "product")

    def test_sessions_and_admin(self):
        User.objects.create_superuser("root", password="root")
        self.assertTrue(self.client.login(username="root", password="root"))
        self.assertEqual(Session.objects.count(), 1)
        response = self.client.post("/admin/shop/category/add/", {"name": "From the admin", "parent": ""})
        self.assertRedirects(response, "/admin/shop/category/")
        category = Category.objects.get()
        self.assertEqual(LogEntry.objects.get().object_repr, "From the admin")
        for n in range(3):
            Product.objects.create(category=category, name=f"P{n}", sku=str(n), price=n)
        response = self.client.get("/admin/shop/product/", {"q": "p", "state__exact": "draft", "o": "-3"})
        self.assertContains(response, "3 products")
        response = self.client.post(f"/admin/shop/category/{category.pk}/delete/", {"post": "yes"})
        self.assertEqual(Category.objects.count(), 1)  # protected by its products
        self.client.logout()
        self.assertEqual(Session.objects.count(), 0)


class Transactions(TransactionTestCase):
    """Real commits, flushed with TRUNCATE after each test."""

    def test_commit_and_rollback(self):
        fill()
        with self.assertRaises(IntegrityError), transaction.atomic():
            Category.objects.create(name="Lost")
            Category.objects.create(name="Tools")
        self.assertEqual(Category.objects.count(), 3)
        called = []
        with transaction.atomic():
            transaction.on_commit(lambda: called.append(Category.objects.filter(name="Kept").count()))
            Category.objects.create(name="Kept")
        self.assertEqual(called, [1])

    def test_the_flush_left_nothing(self):
        self.assertEqual([model.objects.count() for model in (Category, Product, Order, Line, User)], [0] * 5)
        category = Category.objects.create(name="First")
        self.assertEqual(Category.objects.get(pk=category.pk), category)

    def test_schema_editor(self):
        class Note(models.Model):
            text = models.TextField()

            class Meta:
                app_label = "shop"

        number = models.IntegerField(default=7)
        number.set_attributes_from_name("number")
        with connection.schema_editor() as editor:
            editor.create_model(Note)
        try:
            Note.objects.create(text="before")
            with connection.schema_editor() as editor:
                editor.add_field(Note, number)
            with connection.cursor() as cursor:
                cursor.execute("SELECT text, number FROM shop_note")
                self.assertEqual(cursor.fetchall(), [("before", 7)])
        finally:
            with connection.schema_editor() as editor:
                editor.delete_model(Note)
        self.assertNotIn("shop_note", connection.introspection.table_names())

    def test_uuid_keys_and_lower(self):
        fill()
        key = Order.objects.get().pk
        self.assertIsInstance(key, uuid.UUID)
        self.assertEqual(Order.objects.filter(pk=str(key), user__username=Lower(Value("ADA"))).count(), 1)
