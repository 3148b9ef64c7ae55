{#- platform-owned: changed by `copier update` only; see platform/README.md -#}
{#- The test of a key of several columns: no two rows have the same values in all of them, and none of these is null. -#}
{% test bb_unique_together(model, columns) %}
    select {{ columns | join(', ') }}, count(*) as rows_with_it
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1 {%- for column in columns %} or {{ column }} is null {%- endfor %}
{% endtest %}
